"""Running a client scenario: the runner plays the application and the server."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import define, field

from xmpp_im_conformance.format.differing import difference
from xmpp_im_conformance.format.items import Item, differences
from xmpp_im_conformance.format.markup import flat, pretty
from xmpp_im_conformance.format.matching import FROM_CLIENT
from xmpp_im_conformance.format.placeholders import BadPlaceholder, Bindings, fill_in
from xmpp_im_conformance.format.vectors import ClientScenario, ClientStep, Vector
from xmpp_im_conformance.format.worlds import ClientDriver, ClientSetup, ClientWorld, NotApplicable, ServerFailed
from xmpp_im_conformance.running.evidence import AT_SERVER, Evidence, Unmet
from xmpp_im_conformance.running.observing import Mismatch, expect_any_order
from xmpp_im_conformance.running.outcome import Failed
from xmpp_im_conformance.running.scenario import missing_rules
from xmpp_im_core.element import Element


def run_client_scenario(vector: Vector, scenario: ClientScenario, driver: ClientDriver) -> None:
    """Run a client scenario; it passes where this returns.

    :raises Failed: naming the step, what was expected, what came, and everything up to there.
    :raises NotApplicable: where the driver cannot do what it asks for.
    """
    setup = ClientSetup(scenario.account, scenario.resource, scenario.stream_features, scenario.cache, vector.features)
    run = ClientRun(driver.client(setup))
    following = (*[step.key for step in scenario.steps[1:]], "")
    for number, (step, next_key) in enumerate(zip(scenario.steps, following, strict=True)):
        run.step(f"step {number + 1} of {len(scenario.steps)} ({step.key})", number, step, next_key)
    missing = missing_rules(vector.requirements, run.world.obeyed())
    if missing:
        raise run.failed(missing)


@define
class ClientRun:
    """A client scenario under way."""

    world: ClientWorld
    untaken: list[Element] = field(factory=list)
    """What the client sent and no step took."""
    events: list[Mapping[str, object]] = field(factory=list)
    """What the application was told and no step took."""
    bindings: Bindings = field(factory=dict)
    before: tuple[Sequence[Item], str | None] = ((), None)
    """The roster and version before the last stanza of the server."""
    told: int = 0
    """How much that stanza told the application."""
    replies: list[Element] = field(factory=list)
    """What the client sent because of it."""
    transcript: list[str] = field(factory=list)

    def step(self, place: str, number: int, step: ClientStep, next_key: str) -> None:
        """Take a step.

        :param place: what it is called.
        :param number: which it is, from 0.
        :param next_key: the key of the step after it.
        :raises Failed: where what it expects does not hold, or the implementation raises.
        """
        try:
            if step.key in _ACT:
                self.transcript.append(f"{place}: {step.value}")
                _ACT[step.key](self, step.value)
            elif step.key == "expect_ignored":
                self._ignored(next_key)
            else:
                _EXPECT[step.key](self, step)
        except Mismatch as mismatch:
            raise self.failed(f"{place}: {mismatch}", number, mismatch.unmet) from mismatch
        except (BadPlaceholder, ServerFailed) as problem:
            raise self.failed(f"{place}: {problem}", number) from problem
        except NotApplicable:
            raise
        except Exception as problem:
            raise self.failed(f"{place}: the implementation raised\n{traceback.format_exc()}", number) from problem

    def collect(self) -> tuple[Sequence[Element], Sequence[Mapping[str, object]]]:
        """Note and return what the client has sent, and told the application, since the last time."""
        sent, told = self.world.sent(), self.world.events()
        self.transcript += [f"    sends {flat(stanza)}" for stanza in sent]
        self.transcript += [f"    tells {dict(event)}" for event in told]
        self.untaken += sent
        self.events += told
        return sent, told

    def failed(self, problem: str, number: int | None = None, unmet: tuple[Unmet, ...] = ()) -> Failed:
        """Return the failure, with all that there is to show.

        :param number: the step that failed, from 0, if it is one's fault.
        """
        happened = "\n".join([f"  {line}" for line in self.transcript])
        untaken = {AT_SERVER: tuple(self.untaken)} if self.untaken else {}
        return Failed(Evidence(problem, happened, number, unmet, untaken, tuple(self.events), self.bindings))

    def _ignored(self, next_key: str) -> None:
        """See that the server's last stanza changed and told nothing.

        An error that answers it is free, unless the next step speaks of what is sent.
        """
        roster, ver = self.before
        lines = differences(roster, self.world.roster(), {})
        if lines:
            raise Mismatch("the roster has changed\n" + "\n".join(lines))
        if ver != self.world.ver():
            raise Mismatch(f"the version has changed from {ver!r} to {self.world.ver()!r}")
        if self.told:
            raise Mismatch(f"the application was told {[dict(event) for event in self.events[-self.told :]]}")
        if not next_key.startswith("expect_sent") and next_key != "expect_nothing_sent":
            free = [stanza for stanza in self.replies if stanza.get("type") == "error"]
            self.untaken = [stanza for stanza in self.untaken if not any(stanza is each for each in free)]


# --- acting -----------------------------------------------------------------------------------------------


def _does(run: ClientRun, value: Mapping[str, Any]) -> None:
    run.world.do(value["action"], {name: each for name, each in value.items() if name != "action"})
    run.collect()


def _sends(run: ClientRun, xml: str) -> None:
    run.world.send(fill_in(xml, run.bindings))
    run.collect()


def _from_server(run: ClientRun, xml: str) -> None:
    run.before = (tuple(run.world.roster()), run.world.ver())
    run.world.receive(fill_in(xml, run.bindings))
    sent, told = run.collect()
    run.replies, run.told = list(sent), len(told)


_ACT: Final[Mapping[str, Callable[[ClientRun, Any], None]]] = {
    "client_does": _does,
    "client_sends": _sends,
    "from_server": _from_server,
}


# --- expecting --------------------------------------------------------------------------------------------


def _sent(run: ClientRun, step: ClientStep) -> None:
    count = len(step.expected)
    found = expect_any_order(step.expected, run.untaken[:count], run.bindings, FROM_CLIENT)
    if found is not None:
        run.bindings, _ = found
        del run.untaken[:count]
        return
    wanted, sent = _listed(step.expected), tuple(run.untaken)
    if not sent:
        unmet = Unmet("nothing more was sent", AT_SERVER, step.expected)
        raise Mismatch(f"{unmet.says}, expected was\n{wanted}", unmet)
    if count == 1:
        compared = difference(step.expected[0], sent[0], run.bindings, FROM_CLIENT)
        message = f"something else was sent: {compared}"
        raise Mismatch(message, Unmet(message.partition("\n")[0], AT_SERVER, step.expected, sent[:1]))
    unmet = Unmet(f"the next {count} do not match", AT_SERVER, step.expected, sent)
    raise Mismatch(f"{unmet.says}\n{wanted}\nsent:\n{_listed(sent)}", unmet)


def _listed(stanzas: Sequence[Element]) -> str:
    return "\n".join([pretty(stanza, indent="    ") for stanza in stanzas])


def _nothing_sent(run: ClientRun, step: ClientStep) -> None:
    if run.untaken:
        unmet = Unmet("nothing was expected, but there was sent", AT_SERVER, came=tuple(run.untaken))
        raise Mismatch(f"{unmet.says}\n{_listed(unmet.came)}", unmet)


def _roster(run: ClientRun, step: ClientStep) -> None:
    lines = differences(step.items, run.world.roster(), run.bindings)
    if lines:
        compared = "\n".join([f"    {line}" for line in lines])
        unmet = Unmet("the client's roster is another (- expected, + found)", items=tuple(lines))
        raise Mismatch(f"{unmet.says}\n{compared}", unmet)


def _ver(run: ClientRun, step: ClientStep) -> None:
    if run.world.ver() != step.value:
        raise Mismatch(f"the version must be {step.value!r}, but is {run.world.ver()!r}")


def _presence(run: ClientRun, step: ClientStep) -> None:
    assert isinstance(step.value, Mapping)
    jid, resources = step.value["jid"], run.world.resources(step.value["jid"])
    if "best" in step.value:
        best = resources[0].name if resources else None
        if best != step.value["best"]:
            raise Mismatch(f"the best resource of {jid} must be {step.value['best']!r}, but is {best!r}")
    if "resources" not in step.value:
        return
    found = {resource.name: resource for resource in resources}
    expected = step.value["resources"]
    if found.keys() != expected.keys():
        raise Mismatch(f"available of {jid} must be {sorted(expected)}, but are {sorted(found)}")
    for name, stated in expected.items():
        for attribute, value in stated.items():
            there = getattr(found[name], attribute)
            if there != ("" if value is None else value):
                raise Mismatch(f"{attribute} of {jid}/{name} must be {value!r}, but is {there!r}")


def _event(run: ClientRun, step: ClientStep) -> None:
    assert isinstance(step.value, Mapping)
    if not run.world.knows_event(step.value["type"]):
        raise NotApplicable(f"the client tells no event {step.value['type']!r}")
    for index, event in enumerate(run.events):
        if all(event.get(key) == value for key, value in step.value.items()):
            del run.events[index]
            return
    raise Mismatch(f"the application was not told {dict(step.value)}, but {[dict(each) for each in run.events]}")


def _no_event(run: ClientRun, step: ClientStep) -> None:
    assert isinstance(step.value, list)
    left = [dict(event) for event in run.events if event["type"] in step.value]
    if left:
        raise Mismatch(f"the application was told {left}")


_EXPECT: Final[Mapping[str, Callable[[ClientRun, ClientStep], None]]] = {
    "expect_sent": _sent,
    "expect_nothing_sent": _nothing_sent,
    "expect_roster": _roster,
    "expect_ver": _ver,
    "expect_presence": _presence,
    "expect_event": _event,
    "expect_no_event": _no_event,
}
