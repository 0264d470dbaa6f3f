"""The requests of this client that wait for an answer (RFC 6120 §8.2.3)."""

from __future__ import annotations

from collections import Counter

from xmpp_im_core.client.effects import Send, Transition, refuse_to_send
from xmpp_im_core.client.policy import ClientPolicy
from xmpp_im_core.client.senders import is_own_account
from xmpp_im_core.client.state import About, Client, Question, SetsWaiting
from xmpp_im_core.copying import copied
from xmpp_im_core.frozenmap import FrozenMap
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
    questions = client.questions.set(iq.id, question)
    after = copied(client, questions=questions, sets=_counted(client, questions, question, 1))
    return Transition(after, (Send(iq, rule),))


def no_longer_asking(client: Client, id: str) -> Client:
    """Return the client without the question of this id, which waits."""
    questions = client.questions.delete(id)
    return copied(client, questions=questions, sets=_counted(client, questions, client.questions[id], -1))


def may_answer(client: Client, question: Question, sender: JID, policy: ClientPolicy) -> bool:
    """Whether this sender may answer: it was asked, or it speaks for the account that was (RFC 6120 §8.1.2.1)."""
    if question.to is None or question.to == client.jid:
        return is_own_account(client, sender, policy)
    return sender == question.to


def roster_waits(client: Client) -> bool:
    """Whether a roster get of this client still waits for its answer."""
    return any(question.about is About.ROSTER_GET for question in client.questions.unordered())


def sets_waiting(client: Client) -> FrozenMap[int]:
    """Return how many roster sets of this client still wait for their answers, by the JID that they change.

    They are counted once. After that, each question that begins or ends to wait changes the count of one JID, so that
    a push does not search all questions.
    """
    known = client.sets
    if known is None or known.questions is not client.questions:
        counts = Counter([each.change.jid for each in client.questions.unordered() if each.change is not None])
        known = SetsWaiting(client.questions, FrozenMap(counts))
        object.__setattr__(client, "sets", known)  # a guarded record does not allow a plain assignment
    return known.by_jid


def _counted(client: Client, questions: FrozenMap[Question], question: Question, more: int) -> SetsWaiting:
    """Return the sets that wait after a question has begun or ended to wait."""
    waiting = sets_waiting(client)
    if question.change is not None:
        jid = question.change.jid
        number = waiting.get(jid, 0) + more
        waiting = waiting.set(jid, number) if number else waiting.delete(jid)
    return SetsWaiting(questions, waiting)
