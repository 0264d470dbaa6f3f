"""Running a scenario: its steps, in order, on a fresh world."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from attrs import define, field

from xmpp_im_conformance.format.data import requirements
from xmpp_im_conformance.format.markup import flat
from xmpp_im_conformance.format.placeholders import BadPlaceholder, fill_in
from xmpp_im_conformance.format.vectors import (
    Absent,
    AccountMoves,
    Act,
    Action,
    Decide,
    Disconnect,
    ItemsShared,
    Observation,
    OneOf,
    Receive,
    RemoteSend,
    Scenario,
    Send,
    Silent,
    Step,
    StorageFails,
    Time,
    Vector,
)
from xmpp_im_conformance.format.worlds import REMOTE, Driver, NotApplicable, ServerFailed, Setup, World
from xmpp_im_conformance.running.evidence import Evidence, Unmet
from xmpp_im_conformance.running.observing import Mismatch, Observer
from xmpp_im_conformance.running.outcome import Failed


def run_scenario(vector: Vector, scenario: Scenario, driver: Driver) -> None:
    """Run a scenario; it passes where this returns.

    :raises Failed: naming the step, what was expected, what came, and everything up to there.
    :raises NotApplicable: where the driver cannot do what it asks for.
    """
    setup = Setup(scenario.accounts, vector.features, scenario.starts_at, plays_remote(scenario))
    with opened(driver, setup) as world:
        run = Run(world, Observer(world))
        total = len(scenario.steps)
        for number, step in enumerate(scenario.steps):
            run.step(f"step {number + 1} of {total} ({step.key})", step, number)
        run.end(scenario.lenient, total)
        check_rules(vector.requirements, world.obeyed(), run)


def plays_remote(scenario: Scenario) -> bool:
    """Whether a scenario plays the other server, or looks at what is sent to it; to drop that is not to look."""
    if any(item.jid.endswith(f"@{REMOTE}") for items in scenario.accounts.values() for item in items):
        return True
    return any(_is_remote(step.does) for step in scenario.steps)


def _is_remote(does: Action | Observation) -> bool:
    if isinstance(does, OneOf):
        return any(_is_remote(each) for branch in does.branches for each in branch)
    if isinstance(does, Silent):
        return REMOTE in does.at
    if isinstance(does, Receive | Absent):
        return does.at == REMOTE
    return isinstance(does, RemoteSend) or (isinstance(does, Send) and REMOTE in does.xml)


@contextmanager
def opened(driver: Driver, setup: Setup) -> Iterator[World]:
    """Make a world, and close it whatever happens in it.

    :raises Failed: where the server does not even get that far.
    :raises NotApplicable: where the driver cannot make the set-up.
    """
    try:
        world = driver.world(setup)
    except ServerFailed as problem:
        raise Failed(Evidence(f"before the first step: {problem}")) from problem
    try:
        yield world
    finally:
        world.close()


@define
class Run:
    """A scenario under way."""

    world: World
    observer: Observer
    connected: list[str] = field(factory=list)
    """The clients whose sessions have not ended."""
    transcript: list[str] = field(factory=list)

    def step(self, place: str, step: Step, number: int | None = None) -> None:
        """Take a step.

        :param place: what it is called.
        :param number: which of the vector's it is, from 0; None where it is none of them.
        :raises Failed: where what it expects does not hold, or the implementation raises.
        """
        try:
            if isinstance(step.does, Action):
                self._act(place, step.does)
            else:
                self.observer.observe(step.does)
        except Mismatch as mismatch:
            raise self.failed(f"{place}: {mismatch}", number, mismatch.unmet) from mismatch
        except (BadPlaceholder, ServerFailed) as problem:
            raise self.failed(f"{place}: {problem}", number) from problem
        except (NotApplicable, Failed):
            raise
        except Exception as problem:
            raise self.failed(f"{place}: the implementation raised\n{traceback.format_exc()}", number) from problem

    def _act(self, place: str, does: Action) -> None:
        self._count(does)
        self.transcript.append(f"{place}: {_told(does)}")
        _ACT[type(does)](self, does)
        arrived = self.world.arrived()
        for at, stanzas in arrived.items():
            self.transcript += [f"    {at} gets {flat(stanza)}" for stanza in stanzas]
        self.observer.came(arrived)

    def _count(self, does: Action) -> None:
        """Keep account of who is connected. A session begins with nothing untaken."""
        if isinstance(does, Act) and does.what == "connect" and does.jid not in self.connected:
            self.connected.append(does.jid)
            self.observer.at(does.jid).clear()
        elif isinstance(does, Disconnect) or (isinstance(does, Act) and does.what == "expire"):
            self.connected = [jid for jid in self.connected if jid != does.jid]
        elif isinstance(does, Act) and does.what in ("restart", "account_removed"):
            self.connected = [jid for jid in self.connected if jid.partition("/")[0] != does.jid]

    def end(self, lenient: bool | frozenset[str], total: int) -> None:
        """See that nothing is left untaken at any client that is connected, and at the remote domain.

        :param total: how many steps there were.
        :raises Failed: where something is, and the scenario is not lenient about it.
        """
        if lenient is True:
            return
        free = lenient if isinstance(lenient, frozenset) else frozenset()
        everybody = tuple([jid for jid in (*self.connected, REMOTE) if jid not in free])
        self.step("at the end", Step("silent", Silent(everybody)), total)

    def failed(self, problem: str, number: int | None = None, unmet: tuple[Unmet, ...] = ()) -> Failed:
        """Return the failure, with all that there is to show.

        :param number: the step that failed, from 0, if it is one's fault.
        """
        happened = "\n".join([f"  {line}" for line in self.transcript])
        untaken = {at: tuple(stanzas) for at, stanzas in self.observer.untaken.items() if stanzas}
        return Failed(Evidence(problem, happened, number, unmet, untaken, bindings=self.observer.bindings))


def check_rules(ids: Iterable[str], obeyed: frozenset[str] | None, run: Run) -> None:
    """See that the rules which fired cite the requirements that the vector shows.

    :raises Failed: naming the requirements that no rule cites.
    """
    missing = missing_rules(ids, obeyed)
    if missing:
        raise run.failed(missing)


def missing_rules(ids: Iterable[str], obeyed: frozenset[str] | None) -> str:
    """Say which requirements no rule that fired cites; nothing where there are none.

    Only those of scope "core" are asked for: the others concern the codec, hosts and user interfaces, in which
    no rules fire. Where a driver cannot see rules, nothing is checked.
    """
    if obeyed is None:
        return ""
    missing = [id for id in ids if requirements()[id].scope == "core" and id not in obeyed]
    return f"everything came as expected, but no rule that fired cites {', '.join(missing)}" if missing else ""


# --- acting -----------------------------------------------------------------------------------------------


def _told(does: Action) -> str:
    if isinstance(does, Send):
        return f"{does.jid} sends {does.xml}"
    if isinstance(does, RemoteSend):
        return f"arrives {does.xml}"
    if isinstance(does, Act | Disconnect):
        return does.jid
    return str(does)


_DO: Final[Mapping[str, Callable[[World], Callable[[str], None]]]] = {
    "connect": lambda world: world.connect,
    "replace": lambda world: world.replace,
    "detach": lambda world: world.detach,
    "resume": lambda world: world.resume,
    "expire": lambda world: world.expire,
    "restart": lambda world: world.restart,
    "account_created": lambda world: world.create_account,
    "account_removed": lambda world: world.remove_account,
}


def _act(run: Run, does: Act) -> None:
    _DO[does.what](run.world)(does.jid)


def _send(run: Run, does: Send) -> None:
    run.world.send(does.jid, fill_in(does.xml, run.observer.bindings))


def _remote_send(run: Run, does: RemoteSend) -> None:
    run.world.remote_send(fill_in(does.xml, run.observer.bindings))


def _disconnect(run: Run, does: Disconnect) -> None:
    run.world.disconnect(does.jid, does.clean)


def _storage_fails(run: Run, does: StorageFails) -> None:
    run.world.fail_storage(does.of, does.what)


def _time(run: Run, does: Time) -> None:
    run.world.set_time(does.at)


def _account_moved(run: Run, does: AccountMoves) -> None:
    run.world.move_account(does.of, does.to, does.permanently)


def _items_shared(run: Run, does: ItemsShared) -> None:
    run.world.share_items(does.of, does.items)


def _decide(run: Run, does: Decide) -> None:
    run.world.decide(does.at, does.request_from, does.decision)


# The actions' classes and their functions correspond one to one, which the type of a mapping cannot say.
_ACT: Final[Mapping[type, Callable[..., None]]] = {
    Act: _act,
    Send: _send,
    RemoteSend: _remote_send,
    Disconnect: _disconnect,
    StorageFails: _storage_fails,
    Time: _time,
    Decide: _decide,
    AccountMoves: _account_moved,
    ItemsShared: _items_shared,
}
