"""What ``import xmpp_im_core`` offers, and that it costs nothing."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from typing import assert_type

import pytest

import xmpp_im_core
from tests.one_test import in_one_test
from xmpp_im_core import JID, Policy, parse_jid, parse_stanza
from xmpp_im_core.stanza import IQ, Message, Presence


def printed(code: str) -> str:
    """Run code in a new interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_package_alone_imports_no_module_of_it_and_no_dependency() -> None:
    loaded = "sorted(each for each in sys.modules if each.partition('.')[0] in ('xmpp_im_core', 'attr', 'attrs'))"

    assert printed(f"import sys, xmpp_im_core; dir(xmpp_im_core); print({loaded})") == "['xmpp_im_core']"


def test_a_name_imports_its_own_module_and_not_the_halves() -> None:
    loaded = "[each for each in sys.modules if each.startswith(('xmpp_im_core.server', 'xmpp_im_core.client'))]"

    assert printed(f"import sys; from xmpp_im_core import JID, parse_stanza; print(JID.__module__, {loaded})") == (
        "xmpp_im_core.jid []"
    )


RARELY_NEEDED = "('defusedxml', 'idna', 'ipaddress', 'precis_i18n', 'xml.etree')"
PARTS = {
    "codec": f"('xmpp_im_core.client', 'xmpp_im_core.server', 'xmpp_im_core.roster.', *{RARELY_NEEDED})",
    "client": f"('xmpp_im_core.codec', 'xmpp_im_core.server', 'xmpp_im_core.roster.', *{RARELY_NEEDED})",
    "server": f"('xmpp_im_core.codec', 'xmpp_im_core.client', *{RARELY_NEEDED})",
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_neither_another_part_nor_what_few_programs_need(part: str) -> None:
    loaded = f"[each for each in sys.modules if f'{{each}}.'.startswith({PARTS[part]})]"

    assert printed(f"import sys, xmpp_im_core.{part}; print({loaded})") == "[]"


def test_the_profiles_of_addresses_are_imported_for_the_first_that_is_not_ascii() -> None:
    loaded = "'precis_i18n' in sys.modules"
    parse = "from xmpp_im_core.jid import parse_jid; parse_jid"

    assert printed(f"import sys; {parse}('romeo@example.net/orchard'); print({loaded})") == "False"
    assert printed(f"import sys; {parse}('Γιώργος@παράδειγμα.δοκιμή'); print({loaded})") == "True"


@in_one_test("name", xmpp_im_core.__all__)
def test_a_name_is_the_object_of_its_module(name: str) -> None:
    home = importlib.import_module(f"xmpp_im_core.{xmpp_im_core._MODULES[name]}")

    assert getattr(xmpp_im_core, name) is getattr(home, name)
    assert name in dir(xmpp_im_core)


def test_all_and_the_modules_name_the_same() -> None:
    assert sorted(xmpp_im_core.__all__) == sorted(xmpp_im_core._MODULES)


def test_no_name_is_that_of_a_module_of_the_package() -> None:
    """``xmpp_im_core.element`` is the module as soon as anything has imported it."""
    modules = {each.name for each in pkgutil.iter_modules(xmpp_im_core.__path__)}

    assert modules.isdisjoint(xmpp_im_core.__all__)


def test_an_unknown_name_is_refused_as_by_every_module() -> None:
    with pytest.raises(AttributeError, match="module 'xmpp_im_core' has no attribute 'Romeo'"):
        xmpp_im_core.Romeo  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Romeo'"):
        from xmpp_im_core import Romeo  # type: ignore[attr-defined]  # noqa: F401


def test_a_type_checker_sees_the_types() -> None:
    assert_type(parse_jid("juliet@capulet.example"), JID)
    assert_type(parse_stanza("<message xmlns='jabber:client'/>"), Message | Presence | IQ)
    assert_type(Policy(), Policy)
    assert isinstance(parse_jid("juliet@capulet.example"), JID)
