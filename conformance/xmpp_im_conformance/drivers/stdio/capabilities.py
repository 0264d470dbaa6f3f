"""What a program says of itself before it is asked for anything else."""

from __future__ import annotations

from attrs import frozen

from xmpp_im_conformance.format.worlds import NotApplicable


@frozen
class Abilities:
    """What a program can do as a server, or as a client."""

    ops: frozenset[str]
    features: frozenset[str] = frozenset()
    sees_requests: bool = False
    """Whether the ``roster`` of a server shows requests that wait, and contacts that are not listed."""
    tells_closing: bool = False
    """Whether the answers of a server say which streams it has closed."""
    events: frozenset[str] = frozenset()
    """The types of events that a client can tell."""
    actions: frozenset[str] | None = None
    """The actions of a client; None if it does not say."""
    untold: frozenset[str] = frozenset()
    """The details that the events of a client do not have."""
    refuses: bool = True
    """Whether a client refuses stanzas that its application may not send."""

    def need_op(self, op: str) -> None:
        """See that the program has an op.

        :raises NotApplicable: if it has not.
        """
        if op not in self.ops:
            raise NotApplicable(f"the program has no op {op!r}")

    def need_action(self, action: str) -> None:
        """See that a client has an action.

        :raises NotApplicable: if it says that it has not.
        """
        if self.actions is not None and action not in self.actions:
            raise NotApplicable(f"the client has no action {action!r}")

    def need_features(self, features: frozenset[str]) -> None:
        """See that the program has these features.

        :raises NotApplicable: if it lacks one.
        """
        missing = sorted(features - self.features)
        if missing:
            raise NotApplicable(f"the feature {missing[0]!r} is not supported")


@frozen
class Capabilities:
    """What a program is, and which sides it plays: its answer to ``hello``."""

    name: str
    version: str = ""
    server: Abilities | None = None
    client: Abilities | None = None

    def as_server(self) -> Abilities:
        """Return what the program can do as a server.

        :raises NotApplicable: if it plays none.
        """
        return self._known(self.server, "server")

    def as_client(self) -> Abilities:
        """Return what the program can do as a client.

        :raises NotApplicable: if it plays none.
        """
        return self._known(self.client, "client")

    def _known(self, abilities: Abilities | None, side: str) -> Abilities:
        if abilities is None:
            raise NotApplicable(f"{self.name} plays no {side}")
        return abilities
