"""A short form of effects, to hand them to another process: a header line, then the bytes of the stanza.

``dump_effect(IdentifiedEffect(account, id, effect))`` writes one effect, and :func:`load_effect` reads it. The header
is a JSON list in one line: what it is, its account, its identity, its rule, and its fields without stanzas. A rule of
this package is written as its name, any other rule in full. A rule that the reader does not know by its name has that
name and nothing else: an effect of a later release is performed all the same.

The form is for queues and streams between processes of about the same release. Keep records and logs in the form of
:mod:`xmpp_im_core.snapshot`, which later releases read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from xmpp_im_core.record import record
from xmpp_im_core.rules import (
    Rule,
    administration,
    blocking,
    delivery,
    extensions,
    presence,
    roster,
    service,
    sessions,
    storage,
    subscriptions,
)
from xmpp_im_core.server.delivery.message_table import MESSAGE_TABLE
from xmpp_im_core.server.effects import (
    AS_IT_STANDS,
    FULL_JID,
    Delegate,
    Deliver,
    Effect,
    EffectId,
    EndSession,
    FanOut,
    Ignored,
    LoadOffline,
    Route,
)
from xmpp_im_core.server.service.serving import IdentifiedEffect, Load
from xmpp_im_core.server.state import SessionId
from xmpp_im_core.snapshot.errors import Refused, SnapshotError, found
from xmpp_im_core.snapshot.values import expect, json_text, read_stanza_text, write_stanza_bytes, write_stanza_text
from xmpp_im_core.stanza import IQ, Stanza
from xmpp_im_core.subscription import (
    INBOUND_SUBSCRIBE,
    INBOUND_SUBSCRIBED,
    INBOUND_UNSUBSCRIBE,
    INBOUND_UNSUBSCRIBED,
    OUTBOUND_SUBSCRIBE,
    OUTBOUND_SUBSCRIBED,
    OUTBOUND_UNSUBSCRIBE,
    OUTBOUND_UNSUBSCRIBED,
    PRE_APPROVED,
)

_CHAPTERS: Final = (
    administration,
    blocking,
    delivery,
    extensions,
    presence,
    roster,
    service,
    sessions,
    storage,
    subscriptions,
)


_TABLES: Final = (
    INBOUND_SUBSCRIBE,
    INBOUND_SUBSCRIBED,
    INBOUND_UNSUBSCRIBE,
    INBOUND_UNSUBSCRIBED,
    OUTBOUND_SUBSCRIBE,
    OUTBOUND_SUBSCRIBED,
    OUTBOUND_UNSUBSCRIBE,
    OUTBOUND_UNSUBSCRIBED,
    PRE_APPROVED,
)


def _known() -> Mapping[str, Rule]:
    rules = [each for chapter in _CHAPTERS for each in vars(chapter).values() if isinstance(each, Rule)]
    rules += [row.rule for table in _TABLES for row in table.values()]
    rules += [cell.rule for cell in MESSAGE_TABLE.values()]
    return MappingProxyType({rule.name: rule for rule in rules})


_RULES: Final = _known()
"""The rules of the server half, by name."""


# --- writing ----------------------------------------------------------------------------------------------


def dump_effect(identified: IdentifiedEffect) -> bytes:
    """Write an effect: a header line, and the stanza if it has one.

    :raises SnapshotError: if the stanza cannot be written.
    """
    effect = identified.effect
    body = ""
    try:
        if type(effect) is Deliver:
            return _dump_delivery(identified.account, identified.id, effect)
        header = [_NAMES[type(effect)], identified.account, *identified.id]
        if isinstance(effect, Load):
            header.append(effect.jid)
        else:
            header.append(_rule_out(effect.rule))
        if isinstance(effect, Route):
            header.append(effect.session)
            body = write_stanza_text(effect.stanza)
        elif isinstance(effect, FanOut):
            body = write_stanza_text(effect.stanza)
            within = "" if effect.within is None else write_stanza_text(effect.within)
            header += [effect.recipients, len(within)]
            body = f"{within}{body}"
        elif isinstance(effect, Delegate):
            body = write_stanza_text(effect.iq)
        elif isinstance(effect, EndSession):
            header += [effect.session, effect.condition]
        elif isinstance(effect, LoadOffline):
            header.append(effect.session)
    except Refused as refused:
        raise SnapshotError("$", str(refused)) from None
    return f"{_json(header)}\n{body}".encode()


_json: Final = json.JSONEncoder(separators=(",", ":")).encode
_from_json: Final = json.JSONDecoder().decode


def _dump_delivery(account: str, id: EffectId, effect: Deliver) -> bytes:
    """Write a delivery, as nearly all effects are. To put its header together takes a third of writing it as a list."""
    rule = effect.rule
    name = json_text(rule.name) if _RULES.get(rule.name) is rule else _json(_rule_out(rule))
    sessions = ",".join([f"[{json_text(resource)},{epoch}]" for resource, epoch in effect.sessions])
    full = "true" if effect.address is FULL_JID else "false"
    header = f'["deliver",{json_text(account)},{json_text(id.seq)},{id.number},{name},[{sessions}],{full}]\n'
    return header.encode() + write_stanza_bytes(effect.stanza)


def _rule_out(rule: Rule) -> object:
    known = _RULES.get(rule.name)
    if known is rule or known == rule:
        return rule.name
    return [rule.name, rule.says, rule.requirements, rule.sources, rule.section]


# --- reading ----------------------------------------------------------------------------------------------


def load_effect(data: bytes, read: Callable[[str], Stanza] | None = None) -> IdentifiedEffect:
    """Read what :func:`dump_effect` wrote.

    :param read: reads the text of a stanza, and raises a ``ValueError`` if it cannot; for a program that reads many
        effects with one parser.
    :raises SnapshotError: if the data is anything else.
    """
    try:
        line, _, body = data.decode().partition("\n")
        header = _from_json(line)
        expect(list, header, "a list")
        if len(header) < 5:
            raise Refused(f"a header has at least 5 entries, not {len(header)}")
        name, account, seq, index, *fields = header
        expect(str, account, "an account")
        reader = _READERS.get(name) if isinstance(name, str) else None
        if reader is None:
            raise Refused(f"{found(name)} is not one of {', '.join(sorted(_READERS))}")
        return IdentifiedEffect(account, _id_in(seq, index), reader(_Parts(tuple(fields), body, read or _stanza_in)))
    except Refused as refused:
        raise SnapshotError("$", str(refused)) from None
    except (ValueError, RecursionError) as error:
        raise SnapshotError("$", f"is not an effect: {error}") from None


def _id_in(seq: Any, index: Any) -> EffectId:
    expect(str, seq, "a seq")
    expect(int, index, "an index")
    if not seq or index < 0:
        raise Refused(f"{found(seq)} and {index} are not the identity of an effect")
    return EffectId(seq, index)


@record
class _Parts:
    """The fields of a header behind its identity, and what follows the header."""

    fields: tuple[Any, ...]
    body: str
    read: Callable[[str], Stanza]

    def take(self, count: int, *, body: bool) -> tuple[Any, ...]:
        """Return the fields if there are so many, and if there is a stanza exactly if one belongs to them."""
        if len(self.fields) != count:
            raise Refused(f"{count} fields belong to the header, not {len(self.fields)}")
        if bool(self.body) is not body:
            raise Refused("a stanza is missing" if body else "no stanza belongs here")
        return self.fields


def _deliver(parts: _Parts) -> Deliver:
    rule, ids, full = parts.take(3, body=True)
    expect(list, ids, "a list of sessions")
    expect(bool, full, "true or false")
    receivers = tuple([_session_in(each) for each in ids])
    return Deliver(parts.read(parts.body), receivers, FULL_JID if full else AS_IT_STANDS, _rule_in(rule))


def _route(parts: _Parts) -> Route:
    rule, session = parts.take(2, body=True)
    sender = None if session is None else _session_in(session)
    return Route(parts.read(parts.body), _rule_in(rule), sender)


def _fan_out(parts: _Parts) -> FanOut:
    rule, recipients, length = parts.take(3, body=True)
    expect(int, length, "a length")
    if not 0 <= length < len(parts.body):
        raise Refused(f"{length} is not the length of the first stanza")
    within = parts.read(parts.body[:length]) if length else None
    return FanOut(parts.read(parts.body[length:]), _texts_in(recipients), _rule_in(rule), within)


def _delegate(parts: _Parts) -> Delegate:
    (rule,) = parts.take(1, body=True)
    iq = parts.read(parts.body)
    if not isinstance(iq, IQ):
        raise Refused(f"<{iq.KIND}/> is not a <iq/>")
    return Delegate(iq, _rule_in(rule))


def _end_session(parts: _Parts) -> EndSession:
    rule, session, condition = parts.take(3, body=False)
    expect(str, condition, "a condition")
    return EndSession(_session_in(session), condition, _rule_in(rule))


def _load_offline(parts: _Parts) -> LoadOffline:
    rule, session = parts.take(2, body=False)
    return LoadOffline(_session_in(session), _rule_in(rule))


def _ignored(parts: _Parts) -> Ignored:
    (rule,) = parts.take(1, body=False)
    return Ignored(_rule_in(rule))


def _load(parts: _Parts) -> Load:
    (jid,) = parts.take(1, body=False)
    expect(str, jid, "a JID")
    return Load(jid)


_READERS: Final[Mapping[str, Callable[[_Parts], Effect | Load]]] = MappingProxyType(
    {
        "deliver": _deliver,
        "route": _route,
        "fan-out": _fan_out,
        "delegate": _delegate,
        "end": _end_session,
        "load-offline": _load_offline,
        "ignored": _ignored,
        "load": _load,
    }
)
_NAMES: Final[Mapping[type, str]] = MappingProxyType(
    dict(
        zip(
            (Deliver, Route, FanOut, Delegate, EndSession, LoadOffline, Ignored, Load),
            _READERS,
            strict=True,
        )
    )
)


def _stanza_in(text: str) -> Stanza:
    return read_stanza_text(text, Stanza)


def _session_in(value: Any) -> SessionId:
    expect(list, value, "a session [resource, epoch]")
    if len(value) != 2:
        raise Refused(f"a session is [resource, epoch], not a list of {len(value)}")
    expect(str, value[0], "a resource")
    expect(int, value[1], "an epoch")
    return SessionId(*value)


def _rule_in(value: Any) -> Rule:
    if isinstance(value, str):
        return _RULES.get(value) or Rule(value, "")
    expect(list, value, "a rule")
    if len(value) != 5:
        raise Refused(f"a rule has 5 parts, not {len(value)}")
    name, says, requirements, sources, section = value
    for text in (name, says, section):
        expect(str, text, "a part of a rule")
    return Rule(name, says, _texts_in(requirements), _texts_in(sources), section)


def _texts_in(value: Any) -> tuple[str, ...]:
    expect(list, value, "a list")
    for text in value:
        expect(str, text, "a string")
    return tuple(value)
