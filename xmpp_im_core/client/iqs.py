"""IQs of both directions: questions of this client, and requests to it (RFC 6121 §6; RFC 6120 §8.2.3)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Send, Tell, Transition, refusal, silence
from xmpp_im_core.client.events import GiveUp, Outbound, SendIQ
from xmpp_im_core.client.notifications import Answered, RequestReceived, Unanswered
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.questions import ask, may_answer, no_longer_asking
from xmpp_im_core.client.rosters.get_and_set import ask_roster, no_longer_wanted, set_roster
from xmpp_im_core.client.rosters.pushes import roster_push
from xmpp_im_core.client.rosters.results import roster_answer
from xmpp_im_core.client.state import About, Client, Question
from xmpp_im_core.copying import copied
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import IQ, IQ_TYPES, ROSTER, Condition, payload

# --- outbound -----------------------------------------------------------------------------------------------


def send_iq(client: Client, event: SendIQ, policy: ClientPolicy) -> Transition:
    """Send a request to an entity, or without 'to' to the user's account."""
    to = None if event.to is None else address_of(event.to)
    iq = IQ(to, None, f"{event.seq}-iq", event.type.value, None, payload(event.request))
    return outbound_iq(client, Outbound(event.at, event.seq, iq), iq, policy)


def outbound_iq(client: Client, event: Outbound, iq: IQ, policy: ClientPolicy) -> Transition:
    """Send an IQ that breaks no rule. A get or set is remembered until its answer arrives."""
    request = iq.request
    if iq.type in ("result", "error") or request is None:
        return Transition(client, (Send(iq, rules.IQ_ANSWER_SENT),))
    identified = iq if iq.id is not None else copied(iq, id=f"{event.seq}-iq")
    if request.namespace == ROSTER and _to_account(client, identified):
        if iq.type == "get":
            return ask_roster(client, event, identified, request, policy)
        return set_roster(client, event, identified, request, policy)
    return ask(client, identified, Question(iq.to_jid, event.at), rules.IQ_SENT, policy)


def _to_account(client: Client, iq: IQ) -> bool:
    return iq.to is None or iq.to_jid == client.jid


def give_up(client: Client, event: GiveUp) -> Transition:
    """Stop waiting for an answer. An answer that arrives later is ignored."""
    question = client.questions.get(event.id)
    if question is None:
        return silence(client, rules.NOTHING_TO_GIVE_UP)
    after = no_longer_asking(client, event.id)
    if question.change is not None:
        after = no_longer_wanted(after, question.change)
    return Transition(after, (Tell(Unanswered(event.id, question), rules.GIVEN_UP),))


# --- inbound ------------------------------------------------------------------------------------------------


def inbound_iq(client: Client, iq: IQ, sender: JID, policy: ClientPolicy) -> Transition:
    """Process an IQ that the server sent."""
    if iq.type in ("result", "error"):
        return inbound_iq_answer(client, iq, sender, policy)
    return inbound_iq_request(client, iq, sender, policy)


def inbound_iq_answer(client: Client, iq: IQ, sender: JID, policy: ClientPolicy) -> Transition:
    """Match an answer by id and expected sender. Any other answer is ignored (RFC 6120 §8.1.2.1, §8.2.3)."""
    question = client.questions.get(iq.id or "")
    if iq.id is None or question is None:
        return silence(client, rules.ANSWER_UNASKED)
    if not may_answer(client, question, sender, policy):
        return silence(client, rules.ANSWER_FORGED)
    client = no_longer_asking(client, iq.id)
    if question.about is About.OTHER:
        return Transition(client, (Tell(Answered(iq, question), rules.ANSWER_TOLD),))
    return roster_answer(client, iq, question, policy)


def inbound_iq_request(client: Client, iq: IQ, sender: JID, policy: ClientPolicy) -> Transition:
    """Process a get or set: a roster push, a request for the application, or a request that is not served."""
    request = iq.request
    if iq.type not in IQ_TYPES or iq.id is None or request is None:
        return Transition(client, (refusal(iq, Condition.BAD_REQUEST, rules.IQ_MALFORMED_IN),))
    if iq.type == "set" and request.namespace == ROSTER and request.name == "query":
        return roster_push(client, iq, request, sender, policy)
    if request.namespace in policy.served and request.namespace != ROSTER:
        return Transition(client, (Tell(RequestReceived(iq), rules.REQUEST_TOLD),))
    return Transition(client, (refusal(iq, Condition.SERVICE_UNAVAILABLE, rules.REQUEST_NOT_SERVED),))
