"""The bot against a real server, with Juliet on the other side; and what it decides, without any (examples/bot.py)."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from tests.examples.peer import Peer, presence, pushed, saying
from tests.examples.prosody import DOMAIN, Running, prosody
from tests.examples.running import EXAMPLES, PATIENCE, running
from xmpp_im_core.client import Approve, Client, Decision, SendMessage, Subscribe, Text, notifications
from xmpp_im_core.codec import parse_stanza
from xmpp_im_core.jid import parse_jid
from xmpp_im_core.server import State
from xmpp_im_core.snapshot import from_text
from xmpp_im_core.stanza import Presence
from xmpp_im_core.subscription import BOTH
from xmpp_im_core.testing.network import Network
from xmpp_im_core.testing.network_hosts import NetworkClient

pytestmark = pytest.mark.prosody

FRIAR = f"friar@{DOMAIN}"
JULIET = f"juliet@{DOMAIN}"


@contextmanager
def friar(server: Running, kept: Path) -> Iterator[None]:
    """Run the bot; it has to end by itself, and well."""
    arguments = [FRIAR, str(kept), "127.0.0.1", str(server.port), str(server.authority)]
    environment = {**os.environ, "BOT_PASSWORD": "laurence"}
    with running([sys.executable, str(EXAMPLES / "bot.py"), *arguments], env=environment) as process:
        yield
        assert process.wait(PATIENCE) == 0


def test_the_bot_makes_friends_answers_leaves_and_comes_back(tmp_path: Path) -> None:
    kept = tmp_path / "friar.json"
    with prosody(tmp_path, {"friar": "laurence", "juliet": "balcony"}) as server, Peer(server.port, DOMAIN) as juliet:
        juliet.logs_in("juliet", "balcony", "cell")
        juliet.comes()

        with friar(server, kept):
            juliet.write(f"<presence to='{FRIAR}' type='subscribe'/>")
            juliet.until(presence("subscribed", FRIAR))
            juliet.until(presence("subscribe", FRIAR))
            juliet.write(f"<presence to='{FRIAR}' type='subscribed'/>")
            juliet.until(pushed(FRIAR, "both"))
            juliet.write(f"<message to='{FRIAR}' type='chat'><body>What if it be a poison?</body></message>")
            juliet.until(saying("What if it be a poison?"))
            juliet.write(f"<message to='{FRIAR}' type='chat'><body>who?</body></message>")
            juliet.until(saying(JULIET))
            juliet.write(f"<message to='{FRIAR}' type='chat'><body>adieu</body></message>")
            juliet.until(saying("adieu"))
            juliet.until(lambda stanza: stanza.type == "unavailable" and str(stanza.from_).startswith(FRIAR))

        client = from_text(kept.read_text(), Client)
        assert [(item.jid, item.subscription) for item in client.roster.items.values()] == [(JULIET, BOTH)]

        with friar(server, kept):
            juliet.until(lambda stanza: stanza.type is None and str(stanza.from_).startswith(f"{FRIAR}/"))
            juliet.write(f"<message to='{FRIAR}' type='chat'><body>adieu</body></message>")
            juliet.until(saying("adieu"))


# --- what it decides, between clients and servers in memory -------------------------------------------------


def the_bot() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bot", EXAMPLES / "bot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("sender", "decision"),
    [
        ("juliet@montague.example", Decision.APPROVE),
        ("tybalt@capulet.example", Decision.DENY),
        ("tybalt@x.montague.example", Decision.DENY),
    ],
)
def test_only_users_of_its_domain_may_see_it(sender: str, decision: Decision) -> None:
    request = parse_stanza(f"<presence from='{sender}' type='subscribe'/>")
    assert isinstance(request, Presence)

    assert the_bot().decide(request, Client(parse_jid(FRIAR))) is decision


def react(network: Network[State], friar: NetworkClient) -> None:
    """Let the bot react to all that it has been told, until nothing comes of it."""
    bot = the_bot()
    network.settle()
    while friar.told:
        for event in bot.reactions(friar.told.pop(0), friar.client, friar.stamp):
            friar.feed(event)
        network.settle()


def says(juliet: NetworkClient, words: str) -> None:
    juliet.wants(SendMessage, parse_jid(FRIAR), (Text(words),))


def heard(juliet: NetworkClient) -> list[str | None]:
    return [each.content.body() for each in juliet.told if isinstance(each, notifications.MessageReceived)]


def friends() -> tuple[Network[State], NetworkClient, NetworkClient]:
    network = Network(DOMAIN)
    friar, juliet = network.enter(f"{FRIAR}/cell"), network.enter(f"{JULIET}/balcony")
    juliet.wants(Subscribe, parse_jid(FRIAR))
    network.settle()
    friar.wants(Approve, parse_jid(JULIET))
    return network, friar, juliet


def test_it_subscribes_to_those_it_has_approved() -> None:
    network, friar, juliet = friends()

    react(network, friar)

    assert [each.jid.bare for each in juliet.told if isinstance(each, notifications.SubscriptionRequest)] == [FRIAR]


def test_it_tells_a_contact_who_is_there() -> None:
    network, friar, juliet = friends()
    react(network, friar)
    juliet.wants(Approve, parse_jid(FRIAR))
    says(juliet, "who?")

    react(network, friar)

    assert heard(juliet) == [JULIET]


def test_a_stranger_gets_no_answer() -> None:
    network = Network(DOMAIN)
    friar, juliet = network.enter(f"{FRIAR}/cell"), network.enter(f"{JULIET}/balcony")
    says(juliet, "adieu")

    react(network, friar)

    assert heard(juliet) == []
    assert friar.client.presence is not None
