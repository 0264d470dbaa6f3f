"""The requests of this client that wait for an answer (RFC 6120 §8.2.3)."""

from __future__ import annotations

from xmpp_im_core.client.effects import Send, Transition, refuse_to_send
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.senders import is_own_account
from xmpp_im_core.client.state import About, Client, Question
from xmpp_im_core.copying import copied
from xmpp_im_core.jid import JID
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import IQ


def ask(client: Client, iq: IQ, question: Question, rule: Rule, policy: ClientPolicy) -> Transition:
    """Send a get or set and remember it. Refuse it if too many requests wait, or if its id is in use.

    :param iq: it must have an id.
    """
    assert iq.id is not None
    if iq.id in client.questions:
        return refuse_to_send(client, rules.ID_IN_USE, iq)
    if len(client.questions) >= policy.questions:
        return refuse_to_send(client, rules.TOO_MANY_QUESTIONS, iq)
    return Transition(copied(client, questions=client.questions.set(iq.id, question)), (Send(iq, rule),))


def may_answer(client: Client, question: Question, sender: JID, policy: ClientPolicy) -> bool:
    """Whether this sender may answer: it was asked, or it speaks for the account that was (RFC 6120 §8.1.2.1)."""
    if question.to is None or question.to == client.jid:
        return is_own_account(client, sender, policy)
    return sender == question.to


def roster_waits(client: Client) -> bool:
    """Whether a roster get of this client still waits for its answer."""
    return any(question.about is About.ROSTER_GET for question in client.questions.unordered())


def sets_waiting(client: Client) -> frozenset[str]:
    """Return the JIDs for which a roster set of this client still waits for its answer."""
    changes = [question.change for question in client.questions.unordered()]
    return frozenset([change.jid for change in changes if change is not None])
