"""Two systems side by side, and the search for a short trace after which they differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.stateful import RuleBasedStateMachine, rule

from xmpp_im_core.element import Element
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.record import record
from xmpp_im_core.testing.acts import Act
from xmpp_im_core.testing.comparison import Difference, System, compared
from xmpp_im_core.testing.explanations import Explanation, ModelAct, counted, interested_after
from xmpp_im_core.testing.traces import ACT_KINDS, USERS, acts, cast_of, connected_after, possible, traces


class SideBySide:
    """A model and a system that perform the same acts."""

    def __init__(
        self, model: System, system: System, *, in_order: bool = False, explanations: Collection[Explanation] = ()
    ) -> None:
        """Begin with both in their first state; the other parameters are those of :func:`differences`."""
        self.model, self.system = model, system
        self.in_order, self.explanations = in_order, explanations
        self.number = 0
        self._rosters = FrozenMap[Element]()
        self._interested = frozenset[str]()

    def feed(self, act: Act) -> tuple[Difference, ...]:
        """Let both perform an act, and return where they differ after it."""
        self.model.feed(act)
        self.system.feed(act)
        expected, seen = self.model.observe(), self.system.observe()
        self._interested = interested_after(self._interested, act)
        scene = ModelAct(act, self._rosters, expected.rosters, self._interested)
        observed = [counted(each, scene, self.explanations) for each in (expected, seen)]
        found = compared(act, self.number, *observed, in_order=self.in_order)
        self.number += 1
        self._rosters = expected.rosters
        return found


def differences(
    model: System,
    system: System,
    acts: Iterable[Act],
    *,
    in_order: bool = False,
    explanations: Collection[Explanation] = (),
) -> tuple[Difference, ...]:
    """Let both systems perform the acts, and return the differences after the first act that shows any.

    The later differences would only follow from the first.

    :param in_order: whether each client must receive the same stanzas in the same order. The RFC prescribes the order
        only in some cases.
    :param explanations: what does not count as a difference. ``EXPLANATIONS`` has all that the RFC leaves open.
    """
    both = SideBySide(model, system, in_order=in_order, explanations=explanations)
    return next(filter(None, map(both.feed, acts)), ())


@record
class Finding:
    """The shortest trace found after which two systems differ, and the differences after its last act."""

    acts: tuple[Act, ...]
    differences: tuple[Difference, ...]


def smallest_difference(
    model: Callable[[], System],
    system: Callable[[], System],
    *,
    users: Sequence[str] = USERS,
    peers: Sequence[str] = (),
    kinds: Collection[type[Act]] = ACT_KINDS,
    examples: int = 200,
    in_order: bool = False,
    explanations: Collection[Explanation] = (),
) -> Finding | None:
    """Search for a trace after which two systems differ, and shrink it.

    :param model: returns a new model for each trace.
    :param system: returns the system to compare, in its first state, for each trace.
    :param users: the bare JIDs of the users of the traces.
    :param peers: users of another server, ``REMOTE``, who also do what a correct server would not allow.
    :param kinds: the classes of acts, besides ``Connects``.
    :param examples: how many traces to try.
    :param in_order: as for :func:`differences`.
    :param explanations: as for :func:`differences`.
    :return: the finding; None if no difference was found.
    :raises ValueError: if the users, peers and kinds allow no trace.
    """
    cast_of(users, peers, kinds)

    def differ(trace: tuple[Act, ...]) -> tuple[Difference, ...]:
        return differences(model(), system(), trace, in_order=in_order, explanations=explanations)

    chosen = settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    drawn = traces(users, peers=peers, kinds=kinds)
    try:
        found = find(drawn, lambda trace: bool(differ(trace)), settings=chosen)
    except NoSuchExample:
        return None
    shortest = _without_idle_acts(found, differ)
    return Finding(shortest, differ(shortest))


def _without_idle_acts(trace: tuple[Act, ...], differ: Callable[[tuple[Act, ...]], object]) -> tuple[Act, ...]:
    """Remove every act without which the two systems still differ."""
    number = len(trace)
    while number:
        number -= 1
        shorter = (*trace[:number], *trace[number + 1 :])
        if possible(shorter) and differ(shorter):
            trace = shorter
    return trace


def comparing(
    model: Callable[[], System],
    system: Callable[[], System],
    *,
    users: Sequence[str] = USERS,
    peers: Sequence[str] = (),
    kinds: Collection[type[Act]] = ACT_KINDS,
    explanations: Collection[Explanation] = (),
) -> type[RuleBasedStateMachine]:
    """Return a Hypothesis state machine that performs the same acts on both systems, and fails when they differ.

    In a test module: ``TestMyServer = comparing(lambda: CoreSystem(*USERS), MyServer).TestCase``.
    The parameters are those of :func:`smallest_difference`.

    :raises ValueError: if the users, peers and kinds allow no trace.
    """
    cast_of(users, peers, kinds)

    class Comparison(RuleBasedStateMachine):
        """Each step is an act. The machine fails with the differences after the act."""

        def __init__(self) -> None:
            super().__init__()
            self.both = SideBySide(model(), system(), explanations=explanations)
            self.done: list[Act] = []

        @rule(data=st.data())
        def act(self, data: st.DataObject) -> None:
            """Perform an act on both systems."""
            act = data.draw(acts(connected_after(self.done), users, peers, kinds))
            self.done.append(act)
            found = self.both.feed(act)
            assert not found, "\n".join(map(str, found))

    return Comparison
