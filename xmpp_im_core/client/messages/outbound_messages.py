"""Outbound messages: their recipient, type and thread (RFC 6121 §5.1, §5.2)."""

from __future__ import annotations

from xmpp_im_core.client.content import Text, Thread, read_content, write_texts, write_thread
from xmpp_im_core.client.effects import Effect, Send, Transition, refuse_to_send, silence
from xmpp_im_core.client.events import EndChat, MessageType, Reply, SendMessage
from xmpp_im_core.client.messages.chat_sessions import with_chat, without_chat
from xmpp_im_core.client.policy import ChatPresence, ClientPolicy
from xmpp_im_core.client.presence.directed_presence import directed
from xmpp_im_core.client.presence.known_presence import known_absent, known_unavailable
from xmpp_im_core.client.presence.rooms import is_occupant, peer_of
from xmpp_im_core.client.senders import sender_of
from xmpp_im_core.client.state import Chat, Client
from xmpp_im_core.copying import copied
from xmpp_im_core.element import Element
from xmpp_im_core.event import Timed
from xmpp_im_core.jid import JID, address_of
from xmpp_im_core.rules import Rule
from xmpp_im_core.rules import client as session_rules
from xmpp_im_core.rules import client_messages as rules
from xmpp_im_core.stanza import Message, Payload, payload


def send_message(client: Client, event: SendMessage, policy: ClientPolicy) -> Transition:
    """Send a message: in a chat session to its bare or locked full JID, else to the bare JID (§5.1, §5.2.1).

    If the application gives a full JID, the message goes there, and locks no session. A chat session with an occupant
    of a room has the occupant's full JID as its key; all others have the bare JID.
    """
    occupant = is_occupant(client, event.to)
    if event.type is not MessageType.CHAT or not (event.to.is_bare or occupant):
        message = _message(event.to, event.seq, event.type.value, _content(event, event.thread))
        rule = rules.MESSAGE_SENT if event.to.is_bare else rules.MESSAGE_TO_RESOURCE
        return Transition(client, (Send(message, rule),))
    peer = peer_of(client, event.to)
    chat = client.chats.get(peer)
    thread = event.thread
    if chat is None:
        thread = thread or Thread(f"{event.seq}-thread")
        to, rule = event.to, rules.CHAT_STARTED
    else:
        thread = thread or _thread_of(chat)
        to = chat.locked or event.to
        rule = rules.CHAT_TO_BARE_JID if chat.locked is None else rules.CHAT_LOCKED_IN
    active = (chat or Chat(event.at)).active(event.at, None if thread is None else thread.id)
    message = _message(to, event.seq, "chat", _content(event, thread))
    if occupant:
        return _to_occupant(client, event, active, message, event.to, policy)
    return _chat(client, event, active, message, to, rule, policy)


def reply(client: Client, event: Reply, policy: ClientPolicy) -> Transition:
    """Answer a message with the same type and thread, to its full JID unless that resource is known to be unavailable.

    If a chat message has no thread, the reply has the thread of the session. An error is not answered. A reply to an
    occupant who has left a room does not go to the room's bare JID, because every occupant would read it.
    """
    answered = event.message
    if answered.kind == "error":
        return refuse_to_send(client, rules.REPLY_TO_ERROR)
    sender = _correspondent(client, answered)
    if sender is None:
        return refuse_to_send(client, session_rules.TO_MALFORMED)
    occupant = answered.kind != "groupchat" and is_occupant(client, sender, answered)
    to, rule = (sender, rules.TO_OCCUPANT) if occupant else _reply_to(client, sender, answered)
    thread = read_content(answered).thread
    if answered.kind != "chat":
        content = _payload(event.bodies, (), thread, event.extensions)
        return Transition(client, (Send(_message(to, event.seq, answered.kind, content), rule),))
    chat = client.chats.get(peer_of(client, sender, answered)) or Chat(event.at, None if thread is None else thread.id)
    content = _payload(event.bodies, (), thread or _thread_of(chat), event.extensions)
    message, active = _message(to, event.seq, "chat", content), copied(chat, at=event.at)
    if occupant:
        return _to_occupant(client, event, active, message, to, policy)
    return _chat(client, event, active, message, to, rule, policy)


def _correspondent(client: Client, answered: Message) -> JID | None:
    """Return the other party of a message; None if its address is malformed.

    This is the sender. For the copy of a message that the user has sent with another client (XEP-0280), it is the
    recipient: the full JID of an occupant of a room, else the bare JID.
    """
    sender, to = sender_of(client, answered), answered.to_jid
    if sender is None or to is None or sender.bare != client.jid.bare or to.bare == client.jid.bare:
        return sender
    return to if is_occupant(client, to, answered) else to.to_bare()


def _reply_to(client: Client, sender: JID, answered: Message) -> tuple[JID, Rule]:
    """Return the recipient of a reply: a room as a whole, else the sender unless it is known to be gone (§5.2.1)."""
    gone = known_unavailable(client, sender) or known_absent(client, sender, answered)
    if answered.kind == "groupchat" or gone:
        return sender.to_bare(), rules.REPLY_TO_BARE_JID
    return sender, rules.REPLY_TO_SENDER


def end_chat(client: Client, event: EndChat, policy: ClientPolicy) -> Transition:
    """End a chat session. If it has shared presence, send unavailable presence (§5.1)."""
    jid = event.jid.full if event.jid.full in client.chats else event.jid.bare
    after, farewell = without_chat(client, event, jid, policy)
    return Transition(after, farewell) if farewell else silence(after, rules.CHAT_ENDED)


def outbound_message(client: Client, message: Message) -> Transition:
    """Send a message of the application, unchanged."""
    return Transition(client, (Send(message, rules.MESSAGE_AS_GIVEN),))


# --- chat sessions ------------------------------------------------------------------------------------------


def _chat(
    client: Client, event: Timed, chat: Chat, message: Message, to: JID, rule: Rule, policy: ClientPolicy
) -> Transition:
    """Send a message of a chat session. Before it, send presence if no subscription shares it (§5.1)."""
    shared: tuple[Effect, ...] = ()
    if client.presence is not None and _shares_presence(client, chat, to, policy):
        shown = client.presence.stamped(to=address_of(to))
        client, shared = directed(client, shown, to, rules.CHAT_PRESENCE_SHARED, policy)
        chat = copied(chat, shared_with=to)
    client, ended = with_chat(client, event, to.bare, chat, policy)
    return Transition(client, (*shared, Send(message, rule), *ended))


def _to_occupant(
    client: Client, event: Timed, chat: Chat, message: Message, to: JID, policy: ClientPolicy
) -> Transition:
    """Send a message of the chat session with an occupant. The room has given the occupant this client's presence.

    If the occupant has left, the session has ended: the next occupant with that nickname must not see its thread.
    """
    sent = Send(message, rules.TO_OCCUPANT)
    if known_unavailable(client, to):
        return Transition(client, (sent,))
    client, ended = with_chat(client, event, to.full, chat, policy)
    return Transition(client, (sent, *ended))


def _shares_presence(client: Client, chat: Chat, to: JID, policy: ClientPolicy) -> bool:
    """Whether to send presence to the peer: the policy allows it, and the peer does not see it already."""
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
