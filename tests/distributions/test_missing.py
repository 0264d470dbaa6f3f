"""What is said where a package is missing: what to install, and no traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from xmpp_im_conformance.cli import NEEDED

COMMANDS = {
    "xmpp-im-conformance": "from xmpp_im_conformance.cli import main; main()",
    "xmpp_im_conformance.cli.stdio": (
        "import runpy; runpy.run_module('xmpp_im_conformance.cli.stdio', run_name='__main__')"
    ),
}


def without(missing: tuple[str, ...], code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that does not find these packages."""
    hide = f"import sys; sys.modules.update(dict.fromkeys({missing!r})); "
    return subprocess.run(
        [sys.executable, "-c", hide + code], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize("missing", [("click",), ("jsonschema", "referencing"), NEEDED], ids=["one", "two", "all"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_misses_packages_says_what_to_install_and_exits_with_2(
    command: str, missing: tuple[str, ...]
) -> None:
    done = without(missing, COMMANDS[command])

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"{command}: not installed: {', '.join(missing)}. This installs all that it needs:"
        " pip install xmpp-im-conformance (in a checkout: pip install . ./conformance)\n"
    )


@pytest.mark.parametrize(
    "module", ["xmpp_im_core.testing", "xmpp_im_core.testing.state_strategies", "xmpp_im_core.testing.acts"]
)
def test_the_testing_kit_without_hypothesis_says_what_to_install(module: str) -> None:
    done = without(("hypothesis",), f"import {module}")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: xmpp_im_core.testing needs Hypothesis: pip install 'xmpp_im_core[testing]'"
    )


def test_the_core_without_what_only_others_need_is_whole() -> None:
    """Every module of the core but its testing kit."""
    code = (
        "import pkgutil, importlib, xmpp_im_core\n"
        "for each in pkgutil.walk_packages(xmpp_im_core.__path__, 'xmpp_im_core.', onerror=print):\n"
        "    if not each.name.startswith('xmpp_im_core.testing'): print(importlib.import_module(each.name).__name__)"
    )
    others = tuple(name for name in NEEDED if name not in ("attrs", "cattrs", "xmpp_im_core"))
    done = without(others, f"exec({code!r})")

    assert done.returncode == 0, done.stderr
    assert {"xmpp_im_core.server.accounts.machine", "xmpp_im_core.explain", "xmpp_im_core.snapshot"} <= set(
        done.stdout.split()
    )
