"""The parts of the live driver: addresses there and back, the choice of a mechanism, the configuration."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.loopback import Loopback, listening
from tests.conformance.stage import JULIET
from tests.one_test import in_one_test
from xmpp_im_conformance.drivers.live import BadConfig, ComponentConfig, LiveConfig, LiveDriver, read_config
from xmpp_im_conformance.drivers.live.addresses import Addresses
from xmpp_im_conformance.drivers.live.loop import Loop
from xmpp_im_conformance.drivers.live.options import live_config
from xmpp_im_conformance.drivers.live.sasl import choose_mechanism
from xmpp_im_conformance.drivers.live.stream import Reader
from xmpp_im_conformance.format.worlds import ServerFailed, Setup

SAME = {name: name for name in ("capulet.example", "montague.example", "remote.example")}
OTHER = SAME | {"capulet.example": "im.lit", "montague.example": "chat.lit"}


# --- addresses --------------------------------------------------------------------------------------------


@in_one_test(
    ("written", "there"),
    [
        ("juliet@capulet.example", "juliet-7f3@im.lit"),
        ("juliet@capulet.example/balcony", "juliet-7f3@im.lit/balcony"),
        ("<presence to='romeo@montague.example'/>", "<presence to='romeo-7f3@chat.lit'/>"),
        ("romeo@remote.example/orchard", "romeo-7f3@remote.example/orchard"),
        ("capulet.example", "im.lit"),
        ("xmpp:juliet@capulet.example?message", "xmpp:juliet-7f3@im.lit?message"),
        ("juliet@capulet.example.org", "juliet@capulet.example.org"),
        ("juliet@my-capulet.example", "juliet@my-capulet.example"),
        ("@capulet.example", "@capulet.example"),
        ("Ask juliet@capulet.example.", "Ask juliet-7f3@im.lit."),
    ],
)
def test_an_address_of_a_scenario_has_another_on_the_server(written: str, there: str) -> None:
    addresses = Addresses("-7f3", OTHER)

    assert addresses.to_server(written) == there
    assert addresses.to_scenario(there) == written


def test_an_account_of_another_scenario_stays_a_stranger() -> None:
    assert Addresses("-7f3", SAME).to_scenario("juliet-7f2@capulet.example") == "juliet-7f2@capulet.example"


def test_a_localpart_that_is_as_long_as_may_be_gets_no_suffix() -> None:
    longest = f"{'j' * 1023}@capulet.example"

    assert Addresses("-7f3", SAME).to_server(longest) == longest


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["juliet@", "@", "capulet.example", "Montague.Example", "remote.example", "/balcony", ".", "-", " "]
            ),
            st.text("abzé'\"<>&;:/@.- \n", max_size=4),
        ),
        max_size=12,
    ).map("".join)
)
def test_every_text_comes_back_as_it_was(text: str) -> None:
    addresses = Addresses("-7f3", SAME)

    assert addresses.to_scenario(addresses.to_server(text)) == text


# --- authentication ---------------------------------------------------------------------------------------


def test_the_first_mechanism_that_both_have_and_that_is_safe_is_used() -> None:
    """SCRAM costs thousands of hashes at each login; a password that nobody else can read needs none of them."""
    allowed = LiveConfig().mechanisms
    offered = ["SCRAM-SHA-1", "PLAIN", "SCRAM-SHA-256", "X-TOKEN"]

    assert choose_mechanism(offered, allowed, private=True) == "PLAIN"
    assert choose_mechanism(offered, allowed, private=False) == "SCRAM-SHA-256"
    assert choose_mechanism(["PLAIN", "SCRAM-SHA-1"], allowed, private=False) == "SCRAM-SHA-1"
    assert choose_mechanism(["PLAIN"], allowed, private=True) == "PLAIN"


def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(ServerFailed, match="none of the SASL mechanisms"):
        choose_mechanism(["PLAIN"], LiveConfig().mechanisms, private=False)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_a_client_connects_with_each_mechanism(mechanism: str) -> None:
    server = Loopback(mechanisms=(mechanism,))
    with listening(server), closing(LiveDriver(LiveConfig(port=server.port))) as driver:
        world = driver.world(Setup({JULIET: ()}, remote=False))
        world.connect(f"{JULIET}/balcony")
        world.close()

    assert set(server.used) == {mechanism}


# --- the loop ---------------------------------------------------------------------------------------------


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Let SIGINT interrupt, also where the tests run in the background: it is ignored there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


async def waiting(begin: Callable[[], object], cancelled: threading.Event) -> None:
    """Begin, and wait to be cancelled."""
    begin()
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        cancelled.set()
        raise


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_cancels_what_is_waited_for() -> None:
    cancelled = threading.Event()

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with closing(Loop()) as loop:
        with pytest.raises(KeyboardInterrupt):
            loop.run(waiting(interrupt, cancelled), 60)
        assert cancelled.wait(30)


def test_an_interrupt_cancels_what_has_just_been_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, cancelled = threading.Event(), threading.Event()

    with closing(Loop()) as loop:
        schedule = loop._loop.call_soon_threadsafe

        def interrupted(callback: Callable[[], object]) -> None:
            monkeypatch.undo()
            schedule(callback)
            begun.wait(30)
            raise KeyboardInterrupt

        monkeypatch.setattr(loop._loop, "call_soon_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            loop.run(waiting(begun.set, cancelled), 60)
        assert cancelled.wait(30)


def test_what_takes_too_long_is_a_failure_of_the_server() -> None:
    with closing(Loop()) as loop:
        with pytest.raises(ServerFailed, match=r"has not answered within 0\.01 seconds"):
            loop.run(asyncio.sleep(60), 0.01)
        assert loop.run(asyncio.sleep(0, "next"), 60) == "next"


# --- streams ----------------------------------------------------------------------------------------------


def test_what_came_before_a_connection_broke_is_read_first() -> None:
    async def broken() -> tuple[bytes, bytes, str]:
        reader = Reader()
        reader.feed_data(b"<stream:error>")
        reader.set_exception(ConnectionResetError("reset by peer"))
        return await reader.read(1000), await reader.read(1000), reader.how_ended()

    assert asyncio.run(broken()) == (b"<stream:error>", b"", "the connection is broken: reset by peer")


# --- configuration ----------------------------------------------------------------------------------------


def test_a_configuration_is_read_from_a_file_and_options_win_over_it(tmp_path: Path) -> None:
    file = tmp_path / "live.toml"
    file.write_text(
        "port = 5333\ntimeout = 2.5\nfeatures = ['offline']\n"
        "[domains]\n'capulet.example' = 'localhost'\n[component]\nport = 5347\nsecret = 'rose'\n",
        encoding="utf-8",
    )
    expected = LiveConfig(
        port=5333,
        timeout=2.5,
        features=frozenset({"offline"}),
        domains={"capulet.example": "localhost"},
        component=ComponentConfig(port=5347, secret="rose"),
    )

    assert read_config(file) == expected
    over = live_config(file, (), "remote.example:5348:a:b", port=5444, host=None)
    assert (over.port, over.timeout, over.host) == (5444, 2.5, "127.0.0.1")
    assert over.component == ComponentConfig(domain="remote.example", port=5348, secret="a:b")


@pytest.mark.parametrize(
    "text", ["port =", "porrt = 1", "port = 'many'", "tls = 'perhaps'", "[domains]\n'verona.example' = 'x'"]
)
def test_a_configuration_that_says_something_else_is_an_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "live.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(BadConfig):
        read_config(file)


@pytest.mark.parametrize("component", ["remote.example", "remote.example:port:secret", ":1:secret"])
def test_a_malformed_component_is_a_wrong_option(component: str) -> None:
    with pytest.raises(click.UsageError, match="DOMAIN:PORT:SECRET"):
        live_config(None, (), component)


def test_a_malformed_domain_is_a_wrong_option() -> None:
    with pytest.raises(click.UsageError):
        live_config(None, ("capulet.example",), None)
