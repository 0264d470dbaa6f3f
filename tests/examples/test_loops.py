"""The same short evening on each of the loops, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.examples.peer import Peer, Refused, presence, pushed, saying
from tests.examples.running import example, first_line

DOMAIN = "montague.example"
ROMEO = "romeo@montague.example"
JULIET = "juliet@montague.example"


SERVERS = ["loop_asyncio.py", "loop_trio.py", "loop_twisted.py", "stored_asyncio.py"]


@contextmanager
def listening(program: str, folder: Path) -> Iterator[int]:
    """Run the server; it says on which port it listens once it does."""
    stored = [str(folder / "server.sqlite")] if program == "stored_asyncio.py" else []
    with example(program, *stored, "0") as server:
        yield int(first_line(server))


@pytest.fixture(scope="module", params=SERVERS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of one server for all tests: none of them minds what another one has left there."""
    with listening(request.param, tmp_path_factory.mktemp("server")) as port:
        yield port


def test_two_users_meet_talk_and_part(port: int) -> None:
    with Peer(port, DOMAIN) as romeo, Peer(port, DOMAIN) as juliet:
        orchard = romeo.logs_in("romeo", "rosaline", "orchard")
        balcony = juliet.logs_in("juliet", "balcony", "balcony")
        assert (orchard, balcony) == (f"{ROMEO}/orchard", f"{JULIET}/balcony")
        romeo.comes()
        juliet.comes()

        romeo.write(f"<presence to='{JULIET}' type='subscribe'/>")
        juliet.until(presence("subscribe", ROMEO))
        juliet.write(f"<presence to='{ROMEO}' type='subscribed'/>")
        romeo.until(presence("subscribed", JULIET))
        romeo.until(pushed(JULIET, "to"))
        romeo.until(presence(None, balcony))
        juliet.until(pushed(ROMEO, "from"))

        romeo.write(f"<message to='{JULIET}' type='chat'><body>She speaks.</body></message>")
        heard = juliet.until(saying("She speaks."))
        assert str(heard.from_) == orchard
        juliet.write(f"<message to='{orchard}' type='chat'><body>Ay me!</body></message>")
        romeo.until(saying("Ay me!"))

        juliet.write("</stream:stream>")
        assert juliet.ends() == []
        romeo.until(presence("unavailable", balcony))


def test_a_connection_that_breaks_is_noticed(port: int) -> None:
    with Peer(port, DOMAIN) as romeo:
        romeo.logs_in("romeo", "rosaline", "orchard")
        romeo.comes()
        with Peer(port, DOMAIN) as juliet:
            balcony = juliet.logs_in("juliet", "balcony", "balcony")
            juliet.comes()
            juliet.write(f"<presence to='{ROMEO}/orchard'/>")
            romeo.until(presence(None, balcony))

        romeo.until(presence("unavailable", balcony))

        romeo.write(f"<message to='{JULIET}' type='chat'><body>Good night!</body></message>")
        with Peer(port, DOMAIN) as juliet:
            juliet.logs_in("juliet", "balcony", "balcony")
            juliet.comes()
            juliet.until(saying("Good night!"))


def test_what_nobody_serves_is_answered_with_an_error(port: int) -> None:
    with Peer(port, DOMAIN) as romeo:
        romeo.logs_in("romeo", "rosaline", "orchard")
        romeo.comes()
        for jid in ("rosaline@montague.example", "montague.example", "juliet@capulet.example"):
            romeo.write(f"<iq id='ping' to='{jid}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
            answer = romeo.until(lambda stanza: stanza.id == "ping")
            assert (answer.type, str(answer.from_)) == ("error", jid)


def test_a_resource_that_is_bound_again_replaces_the_old_session(port: int) -> None:
    with Peer(port, DOMAIN) as old, Peer(port, DOMAIN) as new:
        old.logs_in("romeo", "rosaline", "orchard")
        new.logs_in("romeo", "rosaline", "orchard")

        (error,) = old.ends()

        assert error.first("conflict", "urn:ietf:params:xml:ns:xmpp-streams") is not None
        new.comes()


@pytest.mark.parametrize(
    "name", ["romeo@capulet.example/", "romeo@montague.example/x", "romeo/x", "", "@", "romeo@", "\0romeo"]
)
def test_a_name_that_is_more_or_less_than_a_localpart_logs_in_as_nobody(port: int, name: str) -> None:
    """RFC 6120 6.3.7: the simple user name is a localpart; with more in it, it would name a user of another domain."""
    with Peer(port, DOMAIN) as tybalt, pytest.raises(Refused):
        tybalt.logs_in(name, "rosaline", "street")


def test_a_stranger_is_not_let_in(port: int) -> None:
    with Peer(port, DOMAIN) as tybalt:
        with pytest.raises(Refused):
            tybalt.logs_in("romeo", "capulet", "street")
        tybalt.write("<presence/>")

        (error,) = tybalt.ends()

        assert error.first("not-authorized", "urn:ietf:params:xml:ns:xmpp-streams") is not None


def test_input_that_is_not_xmpp_ends_only_the_stream(port: int) -> None:
    with Peer(port, DOMAIN) as romeo, Peer(port, DOMAIN) as tybalt:
        romeo.logs_in("romeo", "rosaline", "orchard")
        tybalt.opens()
        tybalt.write("<!-- a villain -->")

        (error,) = tybalt.ends()

        assert error.first("restricted-xml", "urn:ietf:params:xml:ns:xmpp-streams") is not None
        romeo.comes()


def test_a_client_that_does_not_read_is_disconnected(port: int) -> None:
    with Peer(port, DOMAIN) as romeo, Peer(port, DOMAIN) as juliet:
        juliet.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        orchard = romeo.logs_in("romeo", "rosaline", "orchard")
        balcony = juliet.logs_in("juliet", "balcony", "balcony")
        romeo.comes()
        juliet.comes()
        juliet.write(f"<presence to='{orchard}'/>")
        romeo.until(presence(None, balcony))

        for _ in range(300):
            romeo.write(f"<message to='{JULIET}' type='chat'><body>{'Juliet! ' * 5000}</body></message>")

        romeo.until(presence("unavailable", balcony))


def test_what_is_stored_outlives_the_server(tmp_path: Path) -> None:
    file = str(tmp_path / "server.sqlite")
    with example("stored_asyncio.py", file, "0") as server, Peer(int(first_line(server)), DOMAIN) as romeo:
        romeo.logs_in("romeo", "rosaline", "orchard")
        romeo.comes()
        romeo.write(f"<presence to='{JULIET}' type='subscribe'/>")
        romeo.until(pushed(JULIET, "none"))
        romeo.write(f"<message to='{JULIET}' type='chat'><body>Good night!</body></message>")
        romeo.write("<iq id='last' type='get'><query xmlns='jabber:iq:roster'/></iq>")
        romeo.until(lambda stanza: stanza.id == "last")
        server.kill()

    with example("stored_asyncio.py", file, "0") as server, Peer(int(first_line(server)), DOMAIN) as juliet:
        juliet.logs_in("juliet", "balcony", "balcony")
        juliet.comes()
        juliet.until(presence("subscribe", ROMEO))
        juliet.until(saying("Good night!"))
