"""An explanation as data and as text: what a step sent, to whom, by which rule and why."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from xmpp_im_core.explain.words import some
from xmpp_im_core.record import record
from xmpp_im_core.rules import Rule, section_of
from xmpp_im_core.server.effects import Deliver, Effect
from xmpp_im_core.server.visibility import Visibility

_WIDTH: Final = 100
_SHOWN: Final = 8  # lines shown of one section; the others are counted
_CITED: Final = 6  # requirements and sections shown of one rule
_RFC: Final = "RFC 6121 "
_ALIKE: Final = 2  # effects shown of one rule


@record
class Reason:
    """Why some recipients of presence may see it."""

    visibility: Visibility
    by_this_step: bool
    """They may see it only since this step, for example because the user has approved a subscription."""
    recipients: tuple[str, ...]

    def __str__(self) -> str:
        since = " by this step" if self.by_this_step else ""
        return f"{self.visibility.value}{since}: {some(self.recipients)}"


@record
class Explained:
    """One effect: what it does, to whom, and by which rule. Sending nothing is also an effect."""

    effect: Effect
    what: str
    to: tuple[str, ...]
    """Sessions as ``balcony#1``, all others by their address. Empty if nothing is sent."""
    reasons: tuple[Reason, ...]
    """Why each recipient may see the user's presence. Empty for all other stanzas."""

    @property
    def rule(self) -> Rule:
        """The rule that the effect obeys."""
        return self.effect.rule


@record
class Explanation:
    """The explanation of one step of an account. Use ``str()`` to get the text."""

    jid: str
    """The account's bare JID."""
    seq: str
    at: str
    happened: str
    sent: tuple[Explained, ...]
    changed: tuple[str, ...]
    stored: tuple[str, ...]
    forgotten: tuple[str, ...]

    def __str__(self) -> str:
        lines = _wrapped(f"{self.jid}, event {self.seq} at {self.at}: ", self.happened)
        lines += ["", "sent", *_effects(self.sent)]
        for title, section in (("changed", self.changed), ("stored", self.stored), ("forgotten", self.forgotten)):
            if section:
                lines += [title, *_listed(section)]
        return "\n".join(lines)


def _effects(sent: Sequence[Explained]) -> Iterator[str]:
    """Yield the lines of the effects. If many effects obey one rule, only the first ones are shown."""
    met: dict[Rule, list[Explained]] = {}
    for number, explained in enumerate(sent, 1):
        alike = met.setdefault(explained.rule, [])
        alike.append(explained)
        if len(alike) > _ALIKE:
            continue
        yield from _effect(number, explained)
        if len(alike) == 1:
            yield from _rule(explained)
        else:
            yield from _wrapped("     by  ", f"{explained.rule.name}, as above")
    for rule, alike in met.items():
        rest = alike[_ALIKE:]
        if rest:
            everybody = list(dict.fromkeys(name for explained in rest for name in explained.to))
            to = f", to {some(everybody)}" if everybody else ""
            yield from _wrapped("     ", f"and {len(rest):,} more by {rule.name}{to}")


def _effect(number: int, explained: Explained) -> Iterator[str]:
    yield from _wrapped(f"{number:3}. ", explained.what)
    if explained.to and (not explained.reasons or isinstance(explained.effect, Deliver)):
        counted = f"{len(explained.to):,} recipients: " if len(explained.to) > 3 else ""
        yield from _wrapped("     to  ", f"{counted}{some(explained.to)}")
    for reason in explained.reasons:
        counted = f"{len(reason.recipients):,} " if len(reason.recipients) > 1 else ""
        yield from _wrapped("     why ", f"{counted}{reason}")


def _rule(explained: Explained) -> Iterator[str]:
    rule = explained.rule
    yield from _wrapped("     by  ", f"{rule.name}: {rule.says}")
    if rule.section:
        yield from _wrapped("         ", "; also ".join([f"decided by {rule.section}", *_also_cited(rule)]))
    if rule.requirements:
        yield from _wrapped("         ", some(_deciding_first(rule), _CITED))


def _also_cited(rule: Rule) -> list[str]:
    """Name the sections that the rule cites besides the one that decides, in at most one text."""
    others = rule.sections[1:]
    here = [section.removeprefix(_RFC) for section in others if section.startswith(_RFC)]
    elsewhere = [section for section in others if not section.startswith(_RFC)]
    cited = "; ".join([*([_RFC + some(here, _CITED)] if here else []), *elsewhere])
    return [cited] if cited else []


def _deciding_first(rule: Rule) -> list[str]:
    """Return the requirements of the rule, those of the section that decides before the others."""
    return sorted(rule.requirements, key=lambda id: _RFC + f"§{section_of(id)}" != rule.section)


def _listed(lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:_SHOWN]:
        yield from _wrapped("     ", line)
    if len(lines) > _SHOWN:
        yield f"     and {len(lines) - _SHOWN:,} more"


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * min(len(start), 9),
        break_on_hyphens=False,
    ) or [start]
