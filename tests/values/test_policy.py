"""Policies are values: whatever they were made from, they never change, and can be compared and hashed."""

from __future__ import annotations

from typing import Any

import pytest

from xmpp_im_core.client import ClientPolicy
from xmpp_im_core.frozenmap import FrozenMap
from xmpp_im_core.policy import Audience, Policy


def test_a_dict_of_served_namespaces_is_taken_as_a_frozen_map() -> None:
    given = {"urn:xmpp:ping": Audience.ANYONE}
    policy = Policy(served=given)
    same = Policy(served=FrozenMap(given))
    given["jabber:iq:version"] = Audience.OWNER

    assert policy == same
    assert hash(policy) == hash(same)
    assert dict(policy.served) == {"urn:xmpp:ping": Audience.ANYONE}


@pytest.mark.parametrize("wrong", [{"urn:xmpp:ping": "anyone"}, {b"urn:xmpp:ping": Audience.ANYONE}])
def test_a_malformed_audience_is_refused_by_the_name_of_the_field(wrong: Any) -> None:
    with pytest.raises(TypeError, match="served"):
        Policy(served=wrong)


@pytest.mark.parametrize("field", ["served", "roster_managers", "share_presence_with"])
def test_a_set_of_a_client_policy_may_be_given_as_any_collection_of_texts_or_as_one_text(field: str) -> None:
    text = "icq.capulet.example"
    given: list[Any] = [{text}, [text], (text,), frozenset((text,)), text]
    make: Any = ClientPolicy

    assert {make(**{field: texts}) for texts in given} == {make(**{field: frozenset((text,))})}
