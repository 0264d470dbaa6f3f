"""The server's answers to roster gets and sets (RFC 6121 §2.1.4, §2.1.5, §2.6.3)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Effect, Tell, Transition
from xmpp_im_core.client.notifications import RosterFailed, RosterReceived, RosterSetAccepted, Unaddressed
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.questions import sets_waiting
from xmpp_im_core.client.rosters.consequences import roster_became
from xmpp_im_core.client.rosters.get_and_set import no_longer_wanted
from xmpp_im_core.client.rosters.item_elements import read_item
from xmpp_im_core.client.state import About, Client, Interim, Question
from xmpp_im_core.copying import copied
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.rules import client_roster as rules
from xmpp_im_core.stanza import IQ, ROSTER, Condition, StanzaError, stanza_error


def roster_answer(client: Client, iq: IQ, question: Question, policy: ClientPolicy) -> Transition:
    """Process the answer to a roster get or set of this client."""
    if question.about is About.ROSTER_SET:
        return _set_answer(client, iq, question)
    if iq.type == "error":
        failed = RosterFailed(_error(iq))
        return Transition(client, (Tell(failed, rules.ROSTER_GET_FAILED),))
    children = iq.payload.elements
    if len(children) > 1 or any((child.namespace, child.name) != (ROSTER, "query") for child in children):
        failed = RosterFailed(stanza_error(Condition.UNDEFINED_CONDITION))
        return Transition(client, (Tell(failed, rules.ROSTER_RESULT_MALFORMED),))
    return roster_result(copied(client, interim=None), iq, client.interim or Interim(), policy)


def roster_result(client: Client, iq: IQ, interim: Interim, policy: ClientPolicy) -> Transition:
    """Take over a roster result.

    Without a query, the known roster is current. With a query, the result is the whole roster: items that it does not
    have are gone (§2.6.3). Of two items for one JID the last counts. Pushes since the get win over the result.

    :param iq: it must have one roster query, or no child.
    """
    query = iq.payload.first("query", ROSTER)
    if query is None:
        ver = client.roster.ver if interim.ver is None else interim.ver
        roster = copied(client.roster, ver=ver, received=True)
        after, changes = roster_became(client, roster, policy)
        return Transition(after, (Tell(RosterReceived(), rules.ROSTER_UNCHANGED), *changes))
    read = [read_item(child, client.roster.items) for child in query.all("item")]
    items = {item.jid: item for item in read if item is not None}
    nameless = None in read
    for jid, pushed in interim.items.items():
        if pushed is None:
            items.pop(jid, None)
        else:
            items[jid] = pushed
    ver = query.get("ver") if interim.ver is None else interim.ver
    rule = rules.ROSTER_RECEIVED if items else rules.EMPTY_ROSTER_RECEIVED
    sets = sets_waiting(client)
    waiting = {jid: change for jid, change in client.wanted.items() if jid in sets}
    roster = copied(client.roster, items=FrozenMap(items), ver=ver, received=True)
    after, changes = roster_became(copied(client, wanted=FrozenMap(waiting)), roster, policy)
    told: tuple[Effect, ...] = (Tell(RosterReceived(), rule),)
    if nameless:
        told = (*told, Tell(Unaddressed(iq), rules.ITEM_WITHOUT_JID))
    return Transition(after, told + changes)


def _set_answer(client: Client, iq: IQ, question: Question) -> Transition:
    change = question.change
    assert change is not None
    if iq.type != "error":
        return Transition(client, (Tell(RosterSetAccepted(change), rules.ROSTER_SET_DONE),))
    failed = RosterFailed(_error(iq), change)
    return Transition(no_longer_wanted(client, change), (Tell(failed, rules.ROSTER_SET_FAILED),))


def _error(iq: IQ) -> StanzaError:
    return iq.error or stanza_error(Condition.UNDEFINED_CONDITION)
