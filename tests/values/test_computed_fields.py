"""Fields that follow from other fields, and caches: they are no part of what a record is."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Any

import attrs

from xmpp_im_core import server
from xmpp_im_core.event import Decision
from xmpp_im_core.server import events
from xmpp_im_core.stanza import Condition


def records() -> Iterator[type[Any]]:
    """Yield the record classes of the server half."""
    for module in walk_packages(server.__path__, f"{server.__name__}."):
        for each in vars(import_module(module.name)).values():
            if inspect.isclass(each) and each.__module__ == module.name and attrs.has(each):
                yield each


def computed(field: attrs.Attribute[Any]) -> bool:
    return getattr(field.default, "takes_self", False)


def test_a_field_of_a_state_such_as_account_has_repr_false_or_true_as_eq() -> None:
    found = [(each, field) for each in records() for field in attrs.fields(each)]
    assert len(found) > 100
    assert [(each.__name__, field.name) for each, field in found if field.eq is not bool(field.repr)] == []


def test_a_field_that_follows_from_others_is_neither_given_nor_compared() -> None:
    found = {
        (each.__name__, field.name): field for each in records() for field in attrs.fields(each) if computed(field)
    }
    assert {("Account", "address"), ("Notice", "size")} <= set(found)
    assert [name for name, field in found.items() if field.init or field.eq] == []


def test_fields_of_server_events_are_0_or_nothing_by_default() -> None:
    found = {each.__name__: attrs.fields(each) for each in records() if each.__module__ == events.__name__}
    defaults = [field.default for fields in found.values() for field in fields if field.default is not attrs.NOTHING]

    assert {"AccountLoaded", "Inbound"} <= found.keys()
    assert {each for each in defaults if each} == {Decision.ASK, Condition.REMOTE_SERVER_NOT_FOUND}
