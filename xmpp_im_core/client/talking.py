"""Messages that the user sends: where they go, of which type, in which thread (RFC 6121 §5.1, §5.2)."""

from __future__ import annotations

from attrs import evolve

from xmpp_im_core.client.addresses import sender_of
from xmpp_im_core.client.chats import with_chat, without_chat
from xmpp_im_core.client.content import Text, Thread, read_content, write_texts, write_thread
from xmpp_im_core.client.directed import directed
from xmpp_im_core.client.effects import Effect, Send, Transition, refuse, silence
from xmpp_im_core.client.events import EndChat, MessageType, Outbound, Reply, SendMessage
from xmpp_im_core.client.policy import ChatPresence, ClientPolicy
from xmpp_im_core.client.state import Chat, Client
from xmpp_im_core.element import Element
from xmpp_im_core.event import Timed
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client as rules
from xmpp_im_core.stanza import Message, Payload, payload


def send_message(client: Client, event: SendMessage, policy: ClientPolicy) -> Transition:
    """Send a message: within a chat session as that has it, else to the bare JID (§5.1, §5.2.1).

    A full JID is the application's own choice: the message goes there and nowhere else, and locks nothing. In a
    room the resources of one bare JID are different people.
    """
    if not event.to.is_bare:
        message = _message(event.to, event.seq, event.type.value, _content(event, event.thread))
        return _sent(client, message, rules.MESSAGE_TO_RESOURCE, policy)
    if event.type is not MessageType.CHAT:
        message = _message(event.to, event.seq, event.type.value, _content(event, event.thread))
        return _sent(client, message, rules.MESSAGE_SENT, policy)
    chat = client.chats.get(event.to.bare)
    thread = event.thread
    if chat is None:
        thread = thread or Thread(f"{event.seq}-thread")
        to, rule = event.to, rules.CHAT_STARTED
    else:
        thread = thread or _thread_of(chat)
        to = chat.locked or event.to
        rule = rules.CHAT_TO_BARE_JID if chat.locked is None else rules.CHAT_LOCKED_IN
    active = evolve(chat or Chat(event.at), at=event.at, thread=None if thread is None else thread.id)
    message = _message(to, event.seq, "chat", _content(event, thread))
    return _chat(client, event, active, message, to, rule, policy)


def reply(client: Client, event: Reply, policy: ClientPolicy) -> Transition:
    """Answer a message: same type, same thread, to the full JID it came from unless that is known to be gone.

    Where a chat message names no thread, its session does. An error is not answered.
    """
    answered = event.message
    if answered.kind == "error":
        return refuse(client, rules.REPLY_TO_ERROR)
    sender = sender_of(client, answered)
    if sender is None:
        return refuse(client, rules.TO_MALFORMED)
    gone = answered.kind == "groupchat" or known_unavailable(client, sender)
    to = sender.to_bare() if gone else sender
    rule = rules.REPLY_TO_BARE_JID if gone else rules.REPLY_TO_SENDER
    thread = read_content(answered).thread
    if answered.kind != "chat":
        content = _payload(event.bodies, (), thread, event.extensions)
        return _sent(client, _message(to, event.seq, answered.kind, content), rule, policy)
    chat = client.chats.get(sender.bare) or Chat(event.at, None if thread is None else thread.id)
    content = _payload(event.bodies, (), thread or _thread_of(chat), event.extensions)
    message = _message(to, event.seq, "chat", content)
    return _chat(client, event, evolve(chat, at=event.at), message, to, rule, policy)


def known_unavailable(client: Client, jid: JID) -> bool:
    """Whether a resource was heard to be unavailable; of one never heard of nothing is known (§5.2.1)."""
    heard = client.presences.get(jid.bare)
    if heard is None or jid.is_bare:
        return False
    resource = heard.resource(jid.resource or "")
    return not heard.resources if resource is None else not resource.available


def end_chat(client: Client, event: EndChat, policy: ClientPolicy) -> Transition:
    """End a chat session: silently, unless presence was shared because of it (§5.1)."""
    after, farewell = without_chat(client, event, event.jid.bare, policy)
    return Transition(after, farewell) if farewell else silence(after, rules.CHAT_ENDED)


def outbound_message(client: Client, event: Outbound, message: Message, policy: ClientPolicy) -> Transition:
    """Send a message that the application has made, as it is."""
    return _sent(client, message, rules.MESSAGE_AS_GIVEN, policy)


# --- chat sessions ------------------------------------------------------------------------------------------


def _chat(
    client: Client, event: Timed, chat: Chat, message: Message, to: JID, rule: Rule, policy: ClientPolicy
) -> Transition:
    """Send a message of a chat session, with presence before it where no subscription shares that (§5.1)."""
    shared: tuple[Effect, ...] = ()
    if client.presence is not None and _shares_presence(client, chat, to, policy):
        shown = client.presence.stamped(to=address_of(to))
        client, shared = directed(client, shown, to, rules.CHAT_PRESENCE_SHARED, policy)
        chat = evolve(chat, shared_with=to)
    client, ended = with_chat(client, event, to.bare, chat, policy)
    sent = _sent(client, message, rule, policy)
    return Transition(sent.state, (*shared, *sent.send, *ended))


def _shares_presence(client: Client, chat: Chat, to: JID, policy: ClientPolicy) -> bool:
    """Whether presence is to be sent to the peer: the policy lets it, and nothing has shown it before."""
    if chat.shared_with is not None or to.bare == client.jid.bare:
        return False
    if policy.chat_presence is ChatPresence.NOBODY or client.subscription(to.bare).from_:
        return False
    if policy.chat_presence is ChatPresence.LISTED and to.bare not in policy.share_presence_with:
        return False
    return not client.owes_any(to.bare)


def _thread_of(chat: Chat) -> Thread | None:
    return None if chat.thread is None else Thread(chat.thread)


# --- making and sending -------------------------------------------------------------------------------------


def _content(event: SendMessage, thread: Thread | None) -> Payload:
    return _payload(event.bodies, event.subjects, thread, event.extensions)


def _payload(
    bodies: tuple[Text, ...], subjects: tuple[Text, ...], thread: Thread | None, extensions: tuple[Element, ...]
) -> Payload:
    return payload(*write_texts("subject", subjects), *write_texts("body", bodies), *write_thread(thread), *extensions)


def _message(to: JID, seq: str, type: str, content: Payload) -> Message:
    return Message(address_of(to), None, f"{seq}-message", type, None, content)


def _sent(client: Client, message: Message, rule: Rule, policy: ClientPolicy) -> Transition:
    """Send a message, and remember it for the error that may come back."""
    if message.id is not None:
        kept = (*client.sent, message)
        client = evolve(client, sent=kept[max(len(kept) - policy.sent_messages, 0) :])
    return Transition(client, (Send(message, rule),))
