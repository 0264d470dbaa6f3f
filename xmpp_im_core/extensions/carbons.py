"""Message carbons: each resource that asks for them gets a copy of the messages of all resources (XEP-0280)."""

from __future__ import annotations

from typing import Final, TypeVar

from xmpp_im_core.carbon_copies import CARBONS, wrap
from xmpp_im_core.extensions.namespace_requests import own_request
from xmpp_im_core.policy import Policy
from xmpp_im_core.record import record
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import extensions as rules
from xmpp_im_core.server.accounts.machine import Beside, Machine, account_of
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
    FULL_JID,
    Delete,
    Deliver,
    Effect,
    Kind,
    Put,
    Route,
    StoreOperation,
    Transition,
)
from xmpp_im_core.server.events import AccountLoaded, Event, Inbound, OfflineLoaded, Outbound, StoreFailed
from xmpp_im_core.server.state import Account, NoAccount, SessionId
from xmpp_im_core.stanza import (
    CLIENT,
    IQ,
    Condition,
    Message,
    error_reply,
    result_reply,
    stanza_error,
)

S = TypeVar("S")

NAME: Final = "carbons"
_HINTS: Final = "urn:xmpp:hints"
_MUC_USER: Final = "http://jabber.org/protocol/muc#user"
_CONFERENCE: Final = "jabber:x:conference"
_IM_PAYLOADS: Final = frozenset(
    {
        "urn:xmpp:receipts",  # XEP-0184
        "http://jabber.org/protocol/chatstates",  # XEP-0085
        "urn:xmpp:chat-markers:0",  # XEP-0333
    }
)


@record
class Carbons:
    """The sessions that have asked for copies, and the messages that an error may answer."""

    enabled: tuple[SessionId, ...] = ()
    """Sorted."""
    sent: tuple[tuple[str, str], ...] = ()
    """The recipient's bare JID and the id of the last eligible messages that the user has sent."""


def carbons(machine: Machine[S], *, remembered: int = 100) -> Machine[Beside[Carbons, S]]:
    """Put carbons around a machine.

    :param remembered: how many of the user's last eligible messages to remember. An error is copied only if it
        answers one of them (XEP-0280 §6.1).
    """

    def reduce(state: Beside[Carbons, S], event: Event, policy: Policy) -> Transition[Beside[Carbons, S]]:
        account = account_of(state.inner)
        iq = own_request(account, event, CARBONS)
        if iq is not None and isinstance(event, Outbound):
            own, answer = _answer(state.own, event.session, iq)
            return Transition(Beside(NAME, own, state.inner), (answer,), _changes(state.own, own, policy))
        step = machine.reduce(state.inner, event, policy)
        own = _remembering(state.own, event, remembered)
        listed = own.enabled
        if isinstance(event, AccountLoaded) and policy.keep_sessions:
            listed = tuple(sorted({*listed, *_kept(event)}))
        if not listed:  # as for nearly all messages
            same = own is state.own and step.state is state.inner
            return Transition(state if same else Beside(NAME, own, step.state), step.effects, step.store, step.forget)
        after = account_of(step.state)
        present = set() if isinstance(after, NoAccount) else {session.id for session in after.sessions}
        enabled = tuple([id for id in listed if id in present])
        copies = _copies(after, event, step.effects, enabled, own) if isinstance(after, Account) and enabled else ()
        left = Carbons(enabled, own.sent)
        store = step.store
        if isinstance(after, Account) and not isinstance(event, AccountLoaded | StoreFailed):
            store = (*store, *_changes(own, left, policy))
        return Transition(Beside(NAME, left, step.state), (*step.effects, *copies), store, step.forget)

    return Machine(lambda jid: Beside(NAME, Carbons(), machine.start(jid)), reduce, (*machine.features, CARBONS))


# --- what is stored -------------------------------------------------------------------------------------------


def _changes(before: Carbons, after: Carbons, policy: Policy) -> tuple[StoreOperation, ...]:
    """Return the operations that store which sessions have asked for copies, if the service stores sessions."""
    if not policy.keep_sessions or before.enabled == after.enabled:
        return ()
    ended = {id.resource for id in before.enabled} - {id.resource for id in after.enabled}
    begun = [id for id in after.enabled if id not in before.enabled]
    return (
        *[Delete(Kind.ENABLED, f"{NAME}/{resource}") for resource in sorted(ended)],
        *[Put(Kind.ENABLED, f"{NAME}/{id.resource}", id) for id in begun],
    )


def _kept(event: AccountLoaded) -> list[SessionId]:
    """Return the sessions that have asked for copies, as they are stored."""
    own = [put.value for put in event.records if put.kind is Kind.ENABLED and put.key.startswith(f"{NAME}/")]
    return [id for id in own if isinstance(id, SessionId)]


# --- enabling and disabling (§4, §5) ----------------------------------------------------------------------


def _answer(own: Carbons, session: SessionId, iq: IQ) -> tuple[Carbons, Effect]:
    asked = iq.request
    assert asked is not None
    if iq.type != "set" or asked.name not in ("enable", "disable"):
        refused = error_reply(iq, stanza_error(Condition.BAD_REQUEST))
        return own, Deliver(refused, (session,), FULL_JID, rules.CARBONS_MALFORMED)
    others = {id for id in own.enabled if id != session}
    enabled = others | {session} if asked.name == "enable" else others
    rule = rules.CARBONS_ENABLED if asked.name == "enable" else rules.CARBONS_DISABLED
    return Carbons(tuple(sorted(enabled)), own.sent), Deliver(result_reply(iq), (session,), FULL_JID, rule)


# --- copies (§6 to §8) ------------------------------------------------------------------------------------


def _copies(
    account: Account, event: Event, effects: tuple[Effect, ...], enabled: tuple[SessionId, ...], own: Carbons
) -> tuple[Effect, ...]:
    """Return the copies that a step causes: of the message that a client has sent, and of delivered messages."""
    if isinstance(event, Outbound) and isinstance(event.stanza, Message):
        return _of_sent(account, event, effects, enabled)
    if isinstance(event, Inbound | OfflineLoaded):
        return tuple(_of_received(account, effects, enabled, own))
    return ()


def _of_sent(
    account: Account, event: Outbound, effects: tuple[Effect, ...], enabled: tuple[SessionId, ...]
) -> tuple[Effect, ...]:
    """Copy a message that a client has sent, if it was routed. A message to the user is copied when it arrives."""
    told = tuple([id for id in enabled if id != event.session])
    for effect in effects:
        if told and isinstance(effect, Route) and isinstance(effect.stanza, Message):
            message = effect.stanza
            to_own = message.to_jid is not None and message.to_jid.bare == account.jid.bare
            if not to_own and _eligible(message):
                return (_copy(account, message, "sent", told, rules.CARBON_SENT),)
    return ()


def _of_received(
    account: Account, effects: tuple[Effect, ...], enabled: tuple[SessionId, ...], own: Carbons
) -> list[Effect]:
    """Copy delivered messages for the sessions that neither received nor sent them."""
    copies: list[Effect] = []
    for effect in effects:
        if not isinstance(effect, Deliver) or effect.address is not AS_IT_STANDS:
            continue
        message = effect.stanza
        if not isinstance(message, Message) or not _copied_when_received(message, own):
            continue
        sender = message.from_jid
        origin = sender.resource if sender is not None and sender.bare == account.jid.bare else None
        told = tuple([id for id in enabled if id not in effect.sessions and id.resource != origin])
        if told:
            copies.append(_copy(account, message, "received", told, rules.CARBON_RECEIVED))
    return copies


def _copy(account: Account, message: Message, direction: str, told: tuple[SessionId, ...], rule: Rule) -> Deliver:
    carbon = Message(None, account.address, None, message.type, None, wrap(message, direction))
    return Deliver(carbon, told, FULL_JID, rule)


# --- which messages (§6.1) --------------------------------------------------------------------------------


def _copied_when_received(message: Message, own: Carbons) -> bool:
    if message.kind == "error":
        sender = message.from_jid
        return sender is not None and (sender.bare, message.id) in own.sent and not _private(message)
    muc = message.payload.first("x", _MUC_USER)
    if muc is not None and muc.first("invite") is None:
        return False  # a private message in a room: the room sends it to every resource that has joined
    return _eligible(message)


def _eligible(message: Message) -> bool:
    """Whether a message is used for instant messaging, and may be copied."""
    if _private(message) or message.kind in ("groupchat", "headline", "error"):
        return False
    if message.kind == "chat":
        return True
    content = message.payload
    if content.first("body", CLIENT) is not None or content.first("x", _CONFERENCE) is not None:
        return True
    muc = content.first("x", _MUC_USER)
    if muc is not None and muc.first("invite") is not None:
        return True
    return any(child.namespace in _IM_PAYLOADS for child in content.elements)


def _private(message: Message) -> bool:
    content = message.payload
    copied_not = content.first("private", CARBONS), content.first("no-copy", _HINTS)
    return any(child is not None for child in copied_not)


def _remembering(own: Carbons, event: Event, remembered: int) -> Carbons:
    """Remember an eligible message that the user sends, so that an error that answers it is recognised."""
    if not isinstance(event, Outbound) or not isinstance(event.stanza, Message):
        return own
    message, to = event.stanza, event.stanza.to_jid
    if to is None or message.id is None or not remembered or not _eligible(message):
        return own
    return Carbons(own.enabled, (*own.sent, (to.bare, message.id))[-remembered:])
