"""The conformance runner: replays test vectors against an implementation of RFC 6121.

This package offers what a program needs to run vectors: :func:`run_vectors` and its result, the drivers, and the
classes that a driver is made of. Each name is imported when it is first used, so ``import xmpp_im_conformance`` alone
imports no module of the package.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xmpp_im_conformance.drivers.embedded import Embedded
    from xmpp_im_conformance.drivers.live import LiveDriver
    from xmpp_im_conformance.drivers.live.config import ComponentConfig, LiveConfig
    from xmpp_im_conformance.drivers.stdio.driver import StdioDriver
    from xmpp_im_conformance.drivers.stdio.program import Program
    from xmpp_im_conformance.format.worlds import (
        ClientSetup,
        ClientWorld,
        Driver,
        NotApplicable,
        ServerFailed,
        Setup,
        World,
    )
    from xmpp_im_conformance.library import RunResult, VectorsFailed, find_vectors, run_vectors
    from xmpp_im_conformance.running.outcome import Outcome, Result

__all__ = [
    "ClientSetup",
    "ClientWorld",
    "ComponentConfig",
    "Driver",
    "Embedded",
    "LiveConfig",
    "LiveDriver",
    "NotApplicable",
    "Outcome",
    "Program",
    "Result",
    "RunResult",
    "ServerFailed",
    "Setup",
    "StdioDriver",
    "VectorsFailed",
    "World",
    "find_vectors",
    "run_vectors",
]

_NAMES: Final = MappingProxyType(
    {
        "drivers.embedded": ("Embedded",),
        "drivers.live": ("LiveDriver",),
        "drivers.live.config": ("ComponentConfig", "LiveConfig"),
        "drivers.stdio.driver": ("StdioDriver",),
        "drivers.stdio.program": ("Program",),
        "format.worlds": ("ClientSetup", "ClientWorld", "Driver", "NotApplicable", "ServerFailed", "Setup", "World"),
        "library": ("RunResult", "VectorsFailed", "find_vectors", "run_vectors"),
        "running.outcome": ("Outcome", "Result"),
    }
)
"""Where the names are, by module below this package."""

_MODULES: Final = MappingProxyType({name: module for module, names in _NAMES.items() for name in names})


def __getattr__(name: str) -> object:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
