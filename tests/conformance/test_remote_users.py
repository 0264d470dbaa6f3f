"""Which scenarios users with accounts can play the other server in: it follows from the steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.packaged import packaged
from tests.conformance.stage import BALCONY, JULIET, scenario, send
from xmpp_im_conformance.format.reading import read_file
from xmpp_im_conformance.format.vectors import Vector
from xmpp_im_conformance.format.worlds import NotApplicable, RemoteUsers, Setup

ROMEO: Final = "romeo@remote.example"
ORCHARD: Final = f"{ROMEO}/orchard"


def played(folder: Path, *steps: Mapping[str, Any], **item: Any) -> RemoteUsers:
    roster = [{"jid": ROMEO, **item}] if item else []
    file = folder / "vector.json"
    accounts = {JULIET: {"roster": roster}}
    made = scenario({"connect": BALCONY}, *steps, accounts=accounts)
    file.write_text(json.dumps(made), encoding="utf-8")
    (vector,) = read_file(file, "vector")
    assert isinstance(vector, Vector), vector
    assert isinstance(vector.scenario.setup, Setup)
    return vector.scenario.setup.remote_users()


def presence(sender: str, to: str, type: str) -> str:
    return f"<presence from='{sender}' to='{to}' type='{type}'/>"


def arrives(type: str, sender: str = ROMEO, to: str = JULIET) -> dict[str, Any]:
    return {"remote_send": presence(sender, to, type)}


def sent(type: str, to: str = ROMEO) -> dict[str, Any]:
    return send(f"<presence to='{to}' type='{type}'/>")


def seen(type: str) -> dict[str, Any]:
    return {"remote_receive": presence(JULIET, ROMEO, type)}


MESSAGE: Final = {"remote_send": f"<message from='{ORCHARD}' to='{JULIET}'><body>hi</body></message>"}


@pytest.mark.parametrize(
    ("steps", "item", "users"),
    [
        ([MESSAGE], {}, RemoteUsers((ORCHARD,), available=False)),
        ([arrives("subscribe")], {}, RemoteUsers((f"{ROMEO}/remote",), available=False)),
        ([arrives("subscribe"), sent("subscribed"), seen("subscribed")], {}, RemoteUsers((f"{ROMEO}/remote",), False)),
        ([sent("subscribe"), seen("subscribe")], {}, RemoteUsers((f"{ROMEO}/remote",), available=True)),
        ([sent("subscribe"), arrives("subscribed")], {}, RemoteUsers((f"{ROMEO}/remote",), available=False)),
        ([sent("unsubscribe"), seen("unsubscribe")], {"subscription": "to"}, RemoteUsers((f"{ROMEO}/remote",), False)),
        ([arrives("unsubscribe")], {"subscription": "from"}, RemoteUsers((f"{ROMEO}/remote",), available=False)),
        (
            [send("<presence/>"), {"remote_receive": f"<presence from='{BALCONY}' to='{ROMEO}'/>"}],
            {"subscription": "from"},
            RemoteUsers((f"{ROMEO}/remote",), available=True),
        ),
        (
            [send(f"<iq to='{ORCHARD}' id='1' type='result'/>")],
            {},
            RemoteUsers((ORCHARD,), available=True),
        ),
    ],
)
def test_what_clients_can_do_and_see_users_can_play(
    tmp_path: Path, steps: list[dict[str, Any]], item: dict[str, Any], users: RemoteUsers
) -> None:
    assert played(tmp_path, *steps, **item) == users


@pytest.mark.parametrize(
    ("steps", "item", "why"),
    [
        ([{"remote_send": f"<message from='{ROMEO}' to='{JULIET}'/>"}], {}, "has its full JID in 'from'"),
        ([{"remote_send": f"<message from='remote.example' to='{JULIET}'/>"}], {}, "no user who could have an account"),
        ([{"remote_send": f"<message from='{ORCHARD}' to='a@@capulet.example'/>"}], {}, "own server would answer"),
        ([{"remote_send": f"<message from='{ORCHARD}'/>"}], {}, "own server would answer"),
        ([arrives("probe", ORCHARD)], {}, "no client sends presence of type 'probe'"),
        ([{"remote_receive": presence(JULIET, ROMEO, "probe")}], {}, "no client is shown presence of type 'probe'"),
        ([arrives("subscribe", ORCHARD)], {}, "makes the addresses of 'subscribe' bare"),
        ([arrives("subscribe", to=BALCONY)], {}, "makes the addresses of 'subscribe' bare"),
        ([arrives("subscribe")], {"subscription": "from"}, "need not route 'subscribe'"),
        ([arrives("subscribed")], {}, "need not route 'subscribed'"),
        ([arrives("unsubscribed")], {}, "need not route 'unsubscribed'"),
        ([arrives("unsubscribe")], {}, "need not route 'unsubscribe'"),
        ([seen("unsubscribed")], {}, "need not deliver 'unsubscribed'"),
        ([sent("subscribed")], {}, "a pre-approval is answered"),
        ([MESSAGE], {"approved": True}, "a pre-approval is answered"),
        ([sent("subscribe")], {"subscription": "to"}, "approved before"),
        ([send("<presence/>")], {"subscription": "to"}, "answers the probe"),
        ([sent("subscribe"), arrives("subscribed"), send("<presence/>")], {}, "answers the probe"),
        (
            [sent("subscribe"), seen("subscribe"), arrives("subscribed")],
            {},
            "a user has to be available to see requests",
        ),
        ([send(f"<iq to='{ORCHARD}' id='1' type='get'/>")], {}, "may keep requests of strangers"),
        ([send(f"<iq to='{ROMEO}' id='1' type='result'/>")], {}, "iq to a bare JID is answered"),
        ([send(f"<message to='{ROMEO}' type='groupchat'/>")], {}, "groupchat to a bare JID is answered"),
        ([send("<message to='remote.example'/>")], {}, "no user who could have an account"),
        ([send(f"<message to='{ORCHARD}'/>"), send(f"<message to='{ROMEO}/garden'/>")], {}, "several resources"),
        ([MESSAGE, send("<message to='Romeo@remote.example/orchard'/>")], {}, "the same account in another case"),
        ([{"one_of": [[seen("subscribe")], [{"remote_silent": True}]]}], {}, "alternatives"),
    ],
)
def test_what_only_a_server_can_do_or_see_they_cannot(
    tmp_path: Path, steps: list[dict[str, Any]], item: dict[str, Any], why: str
) -> None:
    with pytest.raises(NotApplicable) as refused:
        played(tmp_path, *steps, **item)

    assert str(refused.value).startswith("users with accounts cannot play remote.example: ")
    assert why in str(refused.value)


def test_users_can_play_about_half_of_the_vectors_that_need_another_server() -> None:
    setups = [vector.scenario.setup for vector in packaged() if isinstance(vector, Vector)]
    needy = [setup for setup in setups if isinstance(setup, Setup) and setup.remote]

    assert 0.5 < len([setup for setup in needy if can_be_played(setup)]) / len(needy) < 0.7


def can_be_played(setup: Setup) -> bool:
    try:
        setup.remote_users()
    except NotApplicable:
        return False
    return True
