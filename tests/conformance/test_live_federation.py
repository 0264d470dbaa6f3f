"""Two servers, both played by the code that plays ``remote.example``: dialback, TLS and SASL EXTERNAL."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from attrs import evolve

from tests.conformance.federating import NORTH, SOUTH, TIMEOUT, End, certified, two_servers
from xmpp_im_conformance.drivers.live import BadConfig, ComponentConfig, FederationConfig, LiveConfig
from xmpp_im_conformance.drivers.live.federation import certificates
from xmpp_im_conformance.drivers.live.federation.dialback import DIALBACK, is_key, key_of, result, verify
from xmpp_im_conformance.drivers.live.federation.dialing import OTHERS, Identity, header
from xmpp_im_conformance.drivers.live.federation.names import SRV, A, Zone, written
from xmpp_im_conformance.drivers.live.federation.server import Federation
from xmpp_im_conformance.drivers.live.login import TLS
from xmpp_im_conformance.drivers.live.remote import BETWEEN_SERVERS
from xmpp_im_conformance.drivers.live.sasl import SASL
from xmpp_im_conformance.drivers.live.settling import round_trip
from xmpp_im_conformance.drivers.live.stream import Stream, StreamEnded
from xmpp_im_conformance.format.worlds import ServerFailed
from xmpp_im_core.codec import SERVER, STREAMS
from xmpp_im_core.element import Element

MESSAGE = f"<message from='romeo@{NORTH}/orchard' to='juliet@{SOUTH}' id='m1'><body>hi</body></message>"


async def talk(north: End, south: End) -> Element:
    """Connect both ends, send a message one way, and ask for an answer to know that it has come."""
    await south.federation.connect(NORTH)
    link = await north.federation.connect(SOUTH)
    link.send(MESSAGE)
    return await south.next()


def run(change: Callable[[str, LiveConfig], LiveConfig] = lambda domain, config: config) -> tuple[Element, bool]:
    """Return what has come, and whether the stream was encrypted."""

    async def scene() -> tuple[Element, bool]:
        async with two_servers(change) as (north, south):
            got = await talk(north, south)
            return got, north.federation.links[SOUTH].stream.encrypted

    return asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_dialback_keys_are_those_of_the_example() -> None:
    """XEP-0185 §3."""
    key = key_of("s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F")

    assert key == "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"
    assert is_key(key, "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F")
    for others in (
        ("another", "xmpp.example.com", "example.org", "D60000229F"),
        ("s3cr3tf0rd14lb4ck", "another", "example.org", "D60000229F"),
        ("s3cr3tf0rd14lb4ck", "xmpp.example.com", "another", "D60000229F"),
        ("s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "another"),
    ):
        assert not is_key(key, *others)


def test_without_certificates_dialback_proves_who_a_server_is() -> None:
    """XEP-0220 §2.1."""
    got, encrypted = run()

    assert got.get("from") == f"romeo@{NORTH}/orchard"
    assert got.elements[0].text == "hi"
    assert not encrypted


@pytest.mark.parametrize("proof", ["external", "dialback", "best"])
def test_with_certificates_the_streams_are_encrypted(tmp_path: Path, proof: str) -> None:
    """RFC 6120 §5 and §9.2; XEP-0220 §2.1 also over TLS."""
    got, encrypted = run(certified(tmp_path, proof=proof))

    assert got.get("id") == "m1"
    assert encrypted


def test_both_ends_may_demand_encryption(tmp_path: Path) -> None:
    change = certified(tmp_path)

    got, encrypted = run(lambda domain, config: evolve(change(domain, config), tls="required"))

    assert got.get("id") == "m1"
    assert encrypted


def test_a_server_that_demands_encryption_sends_nothing_without() -> None:
    with pytest.raises(ServerFailed, match=r"north\.example offers other servers no STARTTLS"):
        run(lambda domain, config: evolve(config, tls="required") if domain == SOUTH else config)


def test_encryption_may_be_refused(tmp_path: Path) -> None:
    change = certified(tmp_path)

    got, encrypted = run(lambda domain, config: evolve(change(domain, config), tls="never"))

    assert got.get("id") == "m1"
    assert not encrypted


def test_a_certificate_of_another_name_is_not_accepted(tmp_path: Path) -> None:
    """RFC 6120 §13.7.2: the one that dials sees that."""
    with pytest.raises(ServerFailed, match=r"the certificate of north\.example is not trusted"):
        run(certified(tmp_path, {NORTH: "west.example"}))


def test_external_is_offered_only_to_whom_the_certificate_names(tmp_path: Path) -> None:
    """RFC 6120 §9.2.2. Here nobody trusts the other one's authority, so that all that is left is dialback."""
    (tmp_path / NORTH).mkdir()
    (tmp_path / SOUTH).mkdir()
    of_each = {domain: certified(tmp_path / domain, proof="external") for domain in (NORTH, SOUTH)}

    def change(domain: str, config: LiveConfig) -> LiveConfig:
        return evolve(of_each[domain](domain, config), cafile=None)

    with pytest.raises(ServerFailed, match=r"does not offer south\.example SASL EXTERNAL"):
        run(change)


def test_a_key_of_another_secret_is_refused() -> None:
    """XEP-0220 §2.4: the authoritative server says that the key is invalid, and so does the receiving one."""

    async def scene() -> None:
        async with two_servers() as (north, _), opened(north) as stream:
            stream.write(result(SOUTH, NORTH, key="0" * 64))
            answer = await stream.next_element()
            assert (answer.name, answer.namespace, answer.get("type")) == ("result", DIALBACK, "invalid")
            stream.write(MESSAGE_BACK)
            assert await end_of(stream) == "not-authorized"
            assert north.got.empty()

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


MESSAGE_BACK = f"<message from='juliet@{SOUTH}/balcony' to='romeo@{NORTH}'/>"


@asynccontextmanager
async def opened(end: End) -> AsyncIterator[Stream]:
    """Open a stream to a server, on which nothing is proved yet."""
    stream = await Stream.connect("127.0.0.1", await end.federation.listen(), SERVER, also=OTHERS)
    try:
        await stream.open(end.domain, header(sender=SOUTH, to=end.domain))
        features = await stream.next_element()
        assert (features.name, features.namespace) == ("features", STREAMS)
        yield stream
    finally:
        stream.drop()


async def end_of(stream: Stream) -> str:
    """Return the stream error with which a stream ends, whatever comes before that."""
    try:
        while True:
            await stream.next_element()
    except StreamEnded as ended:
        return ended.condition


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        (MESSAGE_BACK, "not-authorized"),
        (f"<db:result xmlns:db='{DIALBACK}' from='{SOUTH}' to='elsewhere.example'>k</db:result>", "host-unknown"),
        (f"<db:result xmlns:db='{DIALBACK}' to='{NORTH}'>k</db:result>", "improper-addressing"),
        (f"<db:result xmlns:db='{DIALBACK}' from='{SOUTH}' to='{NORTH}' type='valid'/>", "unsupported-stanza-type"),
        ("<what xmlns='urn:example:this'/>", "unsupported-stanza-type"),
        (f"<starttls xmlns='{TLS}'/>", "policy-violation"),
    ],
)
def test_what_proves_nothing_ends_the_stream(said: str, condition: str) -> None:
    async def scene() -> None:
        async with two_servers() as (north, _), opened(north) as stream:
            stream.write(said)
            assert await end_of(stream) == condition
            assert north.got.empty()
            (remark,) = north.federation.remarks
            assert remark == f"a stream of the server to {NORTH} fails: what {SOUTH} has sent to {NORTH} is {condition}"

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_a_domain_speaks_for_itself_alone() -> None:
    """RFC 6120 §8.1.2.2: another domain in 'from' is answered with invalid-from."""

    async def scene() -> None:
        async with two_servers() as (north, south):
            await south.federation.connect(NORTH)
            link = await north.federation.connect(SOUTH)
            link.send(MESSAGE.replace(NORTH, "west.example"))
            await link.finish()
            assert isinstance(link.ended, StreamEnded)
            assert link.ended.condition == "invalid-from"
            assert south.got.empty()

            again = await north.federation.connect(SOUTH)
            again.send(MESSAGE)
            assert (await south.next()).get("id") == "m1"

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_a_certificate_is_no_proof_without_tls() -> None:
    async def scene() -> None:
        async with two_servers() as (north, _), opened(north) as stream:
            stream.write(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>=</auth>")
            answer = await stream.next_element()
            assert (answer.name, answer.namespace) == ("failure", SASL)

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_a_stream_to_another_domain_is_refused() -> None:
    async def scene() -> None:
        async with two_servers() as (north, _):
            stream = await Stream.connect("127.0.0.1", await north.federation.listen(), SERVER)
            await stream.open("west.example", header(sender=SOUTH, to="west.example"))
            assert await end_of(stream) == "host-unknown"
            stream.drop()

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_a_question_for_the_key_of_another_domain_is_answered_with_no() -> None:
    """XEP-0220 §2.3."""

    async def scene() -> None:
        async with two_servers() as (north, _), opened(north) as stream:
            key = key_of(f"that of {NORTH}", SOUTH, NORTH, "s1")
            answers = []
            for to, asked in ((NORTH, key), (NORTH, "another"), ("west.example", key)):
                stream.write(verify(SOUTH, to, "s1", key=asked))
                answers.append((await stream.next_element()).get("type"))
            assert answers == ["valid", "invalid", "invalid"]

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_requests_are_answered_on_the_other_stream() -> None:
    """A round trip goes out on the one stream, and its answer comes on the other: then all before it has come."""

    async def scene() -> None:
        async with two_servers() as (north, south):
            await south.federation.connect(NORTH)
            link = await north.federation.connect(SOUTH)
            south.federation.links[NORTH].mark = link.mark  # what a client of the driver asks
            answer = await round_trip(link, sender=NORTH, to=SOUTH, before=MESSAGE)
            assert answer is not None
            assert answer.get("type") == "result"
            assert (await south.next()).get("id") == "m1"

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


def test_a_port_that_is_taken_is_named() -> None:
    async def scene() -> None:
        async with two_servers() as (north, _):
            port = await north.federation.listen()
            taken = LiveConfig(federation=FederationConfig(port=port, listen=port))
            assert taken.federation is not None
            identity = evolve(north.federation.identity, live=taken, config=taken.federation)
            with pytest.raises(ServerFailed, match=rf"remote\.example cannot listen at 127\.0\.0\.1:{port}"):
                await Federation(identity, "n-", north.got.put_nowait).listen()

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))


@pytest.mark.parametrize(
    ("domain", "named"),
    [
        ("north.example", True),
        ("North.Example", True),
        ("im.west.example", True),
        ("a.im.west.example", False),
        ("west.example", False),
        ("", False),
    ],
)
def test_whom_a_certificate_names(domain: str, named: bool) -> None:
    """RFC 6125 §6.4.3: a wildcard is one label."""
    certificate = {"subjectAltName": (("DNS", "NORTH.example"), ("DNS", "*.west.example"), ("URI", "south.example"))}

    assert certificates.names(certificate, domain) is named
    assert not certificates.names(None, domain)


def test_the_remark_on_namespaces_is_that_of_servers() -> None:
    assert "jabber:server" in BETWEEN_SERVERS


@pytest.mark.parametrize("text", ["remote.example", "remote.example:5269", ":1:2", "remote.example:x:2", "a:1:2:3"])
def test_an_option_that_names_no_two_ports_is_refused(text: str) -> None:
    with pytest.raises(BadConfig, match="DOMAIN:PORT:LISTEN"):
        FederationConfig.parse(text)


def test_the_option_names_the_domain_and_the_ports() -> None:
    parsed = FederationConfig.parse("remote.example:5269:5270")

    assert (parsed.domain, parsed.port, parsed.listen) == ("remote.example", 5269, 5270)


def test_the_other_server_is_played_in_one_way() -> None:
    federation = FederationConfig(port=1, listen=2)

    with pytest.raises(BadConfig, match="in one way, not by component and federation"):
        LiveConfig(component=ComponentConfig(port=3, secret="s"), federation=federation)
    with pytest.raises(BadConfig, match="in one way, not by federation and remote_accounts"):
        LiveConfig(federation=federation, remote_accounts="other.example")
    with pytest.raises(BadConfig, match="there is no certificate"):
        FederationConfig(port=1, listen=2, proof="external")


def question(name: str, kind: int, *, flags: int = 0x0100, number: int = 1) -> bytes:
    return struct.pack("!6H", 7, flags, number, 0, 0, 0) + written(name) + struct.pack("!2H", kind, 1)


def test_servers_that_ask_in_the_dns_are_told_where_the_domain_is() -> None:
    """RFC 2782, RFC 6120 §3.2.1: a record leads to a name and a port, and the name to an address."""
    zone = Zone("remote.example", 5270)

    service = zone.answer(question("_XMPP-server._tcp.Remote.example", SRV))
    address = zone.answer(question("localhost", A))

    assert service is not None
    assert service[:8] == struct.pack("!4H", 7, 0x8500, 1, 1)
    assert service.endswith(struct.pack("!3H", 0, 0, 5270) + written("localhost"))
    assert address is not None
    assert address.endswith(bytes([127, 0, 0, 1]))


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("_xmpps-server._tcp.remote.example", SRV, 3),
        ("another.example", A, 3),
        ("localhost", 28, 0),  # there is no address of that family
        ("remote.example", SRV, 0),
    ],
)
def test_of_other_names_there_is_no_record(name: str, kind: int, code: int) -> None:
    """RFC 1035 §4.1.1: the code 3 says that there is no such name."""
    answer = Zone("remote.example", 5270).answer(question(name, kind))

    assert answer == struct.pack("!6H", 7, 0x8500 | code, 1, 0, 0, 0) + question(name, kind)[12:]


@pytest.mark.parametrize(
    "query",
    [
        b"",
        question("localhost", A)[:-1],
        question("localhost", A)[:14],
        question("localhost", A, flags=0x8100),
        question("localhost", A, number=2),
        question("localhost", A).replace(b"\x09localhost", b"\xc0\x0c"),
        question("localhost", A).replace(b"localhost", b"localhos\xff"),
    ],
)
def test_what_is_no_question_is_not_answered(query: bytes) -> None:
    assert Zone("remote.example", 5270).answer(query) is None


def test_the_answers_come_from_the_port_of_names() -> None:
    async def scene() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = FederationConfig(port=1, listen=0, names=port)
        federation = Federation(Identity(LiveConfig(federation=config), config, "s"), "m-", lambda stanza: None)
        await federation.listen()
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            await loop.sock_sendto(asking, question("remote.example", A), ("127.0.0.1", port))
            answer = await loop.sock_recv(asking, 1024)
        federation.drop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return answer

    answer = asyncio.run(asyncio.wait_for(scene(), TIMEOUT))

    assert answer.endswith(bytes([127, 0, 0, 1]))


def test_a_server_that_demands_encryption_takes_nothing_before_it(tmp_path: Path) -> None:
    change = certified(tmp_path)

    async def scene() -> None:
        async with (
            two_servers(lambda domain, config: evolve(change(domain, config), tls="required")) as (north, _),
            opened(north) as stream,
        ):
            stream.write(result(SOUTH, NORTH, key="0" * 64))
            assert await end_of(stream) == "policy-violation"

    asyncio.run(asyncio.wait_for(scene(), TIMEOUT))
