"""The servers as the live driver reaches them: each way to log in, and accounts made by a command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

import pytest
import trustme
from attrs import evolve

from interop.deviations import read_deviations
from interop.runs import run_live
from interop.servers import HOST, PROSODY, SERVERS, Server
from tests.conformance.packaged import packaged
from xmpp_im_conformance.drivers.live import LiveConfig, LiveDriver
from xmpp_im_conformance.format.vectors import MalformedFile, Side, Vector
from xmpp_im_conformance.format.worlds import ServerFailed, Setup
from xmpp_im_conformance.running.outcome import Outcome, Result

pytestmark = pytest.mark.servers

MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256")
IDS: Final = (
    "directed/replaced-session-settles-its-list",
    "domain/message-inbound",
    "features/message-type-deliver",
    "features/presence-notype",
    "features/presence-sub-approval",
    "features/presence-sub-request",
    "features/presence-sub-unsubscribe",
    "features/presence-unavailable",
    "features/roster-get",
    "features/roster-set",
    "features/roster-version",
    "undelivered/detach-resume-message",
)
"""Vectors that each server passes in every run, or its record says why not; in some a stream is lost, or resumed."""

FEW: Final = ("domain/message-inbound", "features/presence-sub-request", "features/roster-get", "features/roster-set")
"""What a server runs that needs a second for each."""


@pytest.fixture(scope="module", params=[*SERVERS.values()], ids=[*SERVERS])
def server(request: pytest.FixtureRequest) -> Server:
    server: Server = request.param
    server.installed()
    return server


@pytest.fixture(scope="module")
def config(server: Server) -> Iterator[LiveConfig]:
    with server.running() as config:
        yield config


@pytest.fixture(scope="module")
def vectors() -> Sequence[Vector | MalformedFile]:
    return [vector for vector in packaged() if vector.id in IDS]


def seen(results: Sequence[Result]) -> set[tuple[str, Outcome, str]]:
    return {(each.vector.id, each.outcome, each.detail) for each in results}


def unexplained(server: Server, results: Sequence[Result]) -> set[tuple[str, Outcome, str]]:
    """Return what has not passed, and is neither recorded nor an option that the server does not have."""
    recorded = {id for each in read_deviations() if each.server == server.name for id in each.vectors}
    free = recorded | {each.vector.id for each in results if each.outcome is Outcome.NOT_APPLICABLE}
    shown = {each.vector.id for each in results} - free
    assert len(shown) >= len(results) / 2, "half of the vectors show that the way to log in works"
    return {each for each in seen(results) if each[1] is not Outcome.PASSED and each[0] not in free}


@pytest.mark.parametrize("tls", ["never", "required"])
def test_vectors_pass_whatever_way_the_clients_log_in(
    server: Server, config: LiveConfig, vectors: Sequence[Vector | MalformedFile], tls: Literal["never", "required"]
) -> None:
    few = [vector for vector in vectors if vector.id in FEW] if server.instances > 1 else vectors
    for mechanism in config.mechanisms:
        results = run_live(few, evolve(config, tls=tls, mechanisms=(mechanism,)))

        assert len(results) == len(few), mechanism
        assert unexplained(server, results) == set(), mechanism


def test_each_mechanism_is_tried_on_the_servers_that_have_it() -> None:
    tried = {name: server.live.get("mechanisms", [*LiveConfig().mechanisms]) for name, server in SERVERS.items()}

    assert set(MECHANISMS) == {each for mechanisms in tried.values() for each in mechanisms}


README: Final = Path(__file__).parents[2] / "conformance/README.md"
AROUND: Final = """
run_as_root = true
pidfile = "$directory/prosody.pid"
data_path = "$directory/data"
log = { warn = "$directory/prosody.log" }
interfaces = { "127.0.0.1" }
c2s_ports = { $c2s_port }
c2s_direct_tls_ports = {}
component_ports = { $component_port }
modules_disabled = { "s2s"; "bosh"; "http" }
"""
"""What keeps a Prosody that a test starts apart from others: where it listens, and where it keeps its files."""
OTHERS: Final = ("features/presence-sub-request", "features/roster-set", "domain/message-inbound")


def loses_a_stream(vector: Vector | MalformedFile) -> bool:
    """Whether a scenario needs stream management (XEP-0198)."""
    if "/scenarios/" not in vector.file:
        return False
    return any("detach" in step for step in json.loads(Path(vector.file).read_text(encoding="utf-8"))["steps"])


def test_the_configuration_of_the_readme_works_as_it_is_printed() -> None:
    """A feature that the server does not offer is not used: what needs it is not applicable, and does not fail."""
    (printed,) = re.findall(r"^ *```lua\n(.*?)^ *```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert "smacks" not in printed
    PROSODY.installed()
    needy = [vector for vector in packaged() if loses_a_stream(vector)]
    others = [vector for vector in packaged() if vector.id in OTHERS]
    with PROSODY.running(AROUND + printed.replace("SECRET", "$secret")) as config:
        without, with_it = run_live(needy, config), run_live(others, config)

    assert len(without) > 10
    assert {each.outcome for each in without} == {Outcome.NOT_APPLICABLE}
    assert seen(with_it) == {(id, Outcome.PASSED, "") for id in OTHERS}


def test_a_certificate_of_an_authority_that_is_not_trusted_is_an_error(config: LiveConfig, tmp_path: Path) -> None:
    another = tmp_path / "another.pem"
    trustme.CA().cert_pem.write_to_path(str(another))

    suspicious = LiveDriver(evolve(config, tls="required", cafile=str(another)))

    with closing(suspicious), pytest.raises(ServerFailed, match=r"the certificate of capulet\.example is not trusted"):
        suspicious.world(Setup({"juliet@capulet.example": ()}))


@pytest.mark.long
def test_the_verdicts_side_by_side_are_those_of_one_job(server: Server, config: LiveConfig) -> None:
    """Among these vectors are those that this server fails: also the failures are the same."""
    unsteady = {id for each in read_deviations() if each.server == server.name and each.unsteady for id in each.vectors}
    steady = [vector for vector in packaged() if vector.side is Side.SERVER and vector.id not in unsteady]
    vectors = steady[::20]

    config = evolve(config, timeout=30)  # a machine that is busy is no difference
    one_by_one, side_by_side = run_live(vectors, config), run_live(vectors, config, jobs=6)

    assert len(vectors) > 80
    assert [(each.vector.id, each.outcome) for each in side_by_side] == [
        (each.vector.id, each.outcome) for each in one_by_one
    ]


def test_accounts_are_made_and_removed_by_a_command(vectors: Sequence[Vector | MalformedFile]) -> None:
    PROSODY.installed()
    with PROSODY.running(by_command=True) as config:
        results = run_live(vectors, config)
        assert config.cafile is not None
        left = [*Path(config.cafile).parent.glob("data/*/accounts/*")]

    assert len(results) == len(IDS)
    assert unexplained(PROSODY, results) == set()
    assert left == []


OF_BOTH_DOMAINS: Final = (
    "directed/to-local-full-jid",
    "message-bare/local-delivery",
    "roster-push/none-to-other-accounts",
    "subscription-local/item-by-roster-set-is-no-subscription",
)
"""Vectors with accounts of both domains."""
ABOUT_TWO: Final = "domain/iq-from-other-hosted-domain"


@pytest.mark.parametrize(
    ("server", "second"),
    [(PROSODY, 'VirtualHost "montague.example"\n'), (HOST, ', "montague.example"')],
    ids=["prosody", "xmpp-im-host"],
)
def test_a_server_that_hosts_one_domain_plays_both(server: Server, second: str) -> None:
    server.installed()
    text = server.text_of(server.templates[0])
    assert second in text
    chosen = [vector for vector in packaged() if vector.id in (*OF_BOTH_DOMAINS, ABOUT_TWO)]
    with server.running(text.replace(second, "")) as config:
        results = run_live(chosen, evolve(config, domains={"montague.example": "capulet.example"}))

    assert seen(results) == {
        *[(id, Outcome.PASSED, "") for id in OF_BOTH_DOMAINS],
        (ABOUT_TWO, Outcome.NOT_APPLICABLE, "the vector is about two hosted domains, and the server hosts one"),
    }


@pytest.mark.parametrize("server", [PROSODY, HOST], ids=["prosody", "xmpp-im-host"])
def test_the_component_may_be_within_the_domain_of_the_server(server: Server) -> None:
    """As with Openfire, where a component has no other name."""
    server.installed()
    text = server.text_of(server.templates[0]).replace("remote.example", "sub.capulet.example")
    chosen = [vector for vector in packaged() if vector.id in OTHERS]
    with server.running(text) as config:
        assert config.component is not None
        results = run_live(chosen, evolve(config, component=evolve(config.component, domain="sub.capulet.example")))

    assert seen(results) == {(id, Outcome.PASSED, "") for id in OTHERS}


FEDERATED: Final = {name: server for name, server in SERVERS.items() if server.federation is not None}
TO_ANOTHER_SERVER: Final = (
    "federation/from-in-other-case",
    "federation/inbound-for-elsewhere",
    "federation/inbound-without-to",
)
"""Vectors that a component cannot run, since the server treats it otherwise than another server."""


@pytest.mark.long
@pytest.mark.parametrize("name", [*FEDERATED])
@pytest.mark.parametrize(("proof", "tls"), [("external", "required"), ("dialback", "required"), ("dialback", "never")])
def test_the_other_server_may_federate_instead_of_being_a_component(
    name: str, proof: Literal["external", "dialback"], tls: Literal["never", "required"]
) -> None:
    """What is recorded of the server with a component is recorded of it here too: the verdicts are the same."""
    federated = FEDERATED[name].federation
    assert federated is not None
    federated.installed()
    with_remote = [vector for vector in packaged() if isinstance(vector, Vector) and needs_remote(vector)]
    chosen = [vector for vector in with_remote if vector.id in (*IDS, *TO_ANOTHER_SERVER)]
    chosen += with_remote[:: 40 if tls == "required" else 20]
    with federated.running() as config:
        assert config.federation is not None
        federation = evolve(config.federation, proof=proof)
        results = run_live(chosen, evolve(config, federation=federation, tls=tls), jobs=4)

    assert {id for id, _, _ in unexplained(federated, results)} == set()
    passed = {each.vector.id for each in results if each.outcome is Outcome.PASSED}
    assert passed >= {*TO_ANOTHER_SERVER}


def needs_remote(vector: Vector) -> bool:
    setup = vector.scenario.setup
    return isinstance(setup, Setup) and setup.remote


PLAYED_BY_USERS: Final = (
    "approve/outbound-example",
    "cancel/outbound-example",
    "federation/message-routed",
    "features/presence-sub-request",
)


@pytest.mark.long
@pytest.mark.parametrize(
    ("server", "second", "third"),
    [
        (PROSODY, 'VirtualHost "montague.example"', 'VirtualHost "montague.example"\nVirtualHost "other.example"'),
        (HOST, '"montague.example"', '"montague.example", "other.example"'),
    ],
    ids=["prosody", "xmpp-im-host"],
)
@pytest.mark.parametrize("domain", ["other.example", "montague.example"])
def test_users_with_accounts_may_play_the_other_server(server: Server, second: str, third: str, domain: str) -> None:
    """At a third domain, or at the second where the scenario has no use for that."""
    server.installed()
    text = server.text_of(server.templates[0])
    assert second in text
    with_remote = [vector for vector in packaged() if isinstance(vector, Vector) and needs_remote(vector)]
    chosen = [*with_remote[::30], *[vector for vector in with_remote if vector.id in PLAYED_BY_USERS]]
    with server.running(text.replace(second, third)) as config:
        results = run_live(chosen, evolve(config, component=None, remote_accounts=domain), jobs=4)

    recorded = {id for each in read_deviations() if each.server == server.name for id in each.vectors}
    failed = {id: detail for id, outcome, detail in seen(results) if outcome is Outcome.FAILED and id not in recorded}
    assert failed == {}
    assert len([each for each in results if each.outcome is Outcome.PASSED]) > 10
