"""What stands in the messages of the protocol, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import attrs

from xmpp_im_conformance.format.items import RosterItem, stated_item
from xmpp_im_conformance.format.markup import BadXML, read_xml, rescoped
from xmpp_im_conformance.format.schema import problems, summary
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import SERVER
from xmpp_im_core.element import Element
from xmpp_im_core.stanza import CLIENT

PROTOCOL: Final = 1

ProtocolMessage: TypeAlias = Mapping[str, Any]
"""A message that the schema has accepted."""

_EXCERPT: Final = 200


class Garbage(ServerFailed):
    """A line that is not a message. What comes after it cannot be trusted either."""


def write_line(message: ProtocolMessage) -> bytes:
    """Write a message as a line."""
    return f"{json.dumps(message, ensure_ascii=False, separators=(',', ':'))}\n".encode()


def read_line(line: bytes) -> ProtocolMessage:
    """Read a line that a program has written.

    :raises Garbage: if it is not a JSON object.
    """
    try:
        message = json.loads(line.decode())
        # JSON can spell lone surrogates, which no text may hold.
        write_line(message)
    except (ValueError, RecursionError) as problem:
        raise Garbage(f"the program wrote a line that is not JSON ({problem}): {excerpt(line)}") from problem
    if not isinstance(message, Mapping):
        raise Garbage(f"the program wrote a line that is not a JSON object: {excerpt(line)}")
    return message


def check_answer(message: ProtocolMessage, op: str, kind: str) -> None:
    """See that an answer has the form that the protocol gives it.

    :param kind: the name of that form in the schema.
    :raises ServerFailed: if it has not, saying what is wrong, and where.
    """
    wrong = problems("stdio", message, f"/$defs/answers/{kind}")
    if wrong:
        raise ServerFailed(f"the program's answer to {op!r} is malformed: {summary(wrong)}")


def excerpt(line: bytes) -> str:
    """Return the beginning of a line, for people."""
    text = line[:_EXCERPT].decode(errors="replace").strip()
    return f"{text!r} and more" if len(line) > _EXCERPT else repr(text)


def read_program_stanza(xml: str, where: str) -> Element:
    """Read what a program sends, in ``jabber:client``; it may write ``jabber:server`` to another server.

    :param where: whom it is for.
    :raises ServerFailed: if it is not exactly one well-formed element.
    """
    try:
        root = read_xml(xml)
    except BadXML as problem:
        raise ServerFailed(f"the program has sent {where} what is no XML element: {problem}") from problem
    return rescoped(root, SERVER, CLIENT) if root.namespace == SERVER else root


def read_items(data: Sequence[Mapping[str, object]]) -> list[RosterItem]:
    """Read the roster that a program answers with.

    :raises ServerFailed: if a request is not XML.
    """
    items = [stated_item(item) for item in data]
    for item in items:
        try:
            _ = item.request
        except BadXML as problem:
            raise ServerFailed(f"the program's request of {item.jid} is no XML element: {problem}") from problem
    return items


def write_items(items: Sequence[RosterItem]) -> list[Mapping[str, object]]:
    """Write a roster, everything stated."""
    return [attrs.asdict(item) for item in items]
