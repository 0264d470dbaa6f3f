"""Authentication (RFC 6120 §6): the mechanisms, every failure by its name, and what strangers learn about accounts."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from hashlib import pbkdf2_hmac, sha256
from hmac import digest

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scramp import ScramClient, ScramException  # type: ignore[import-untyped]

from tests.xmpp_im_host.streams.conversation import (
    CLEAR,
    EASY,
    FEW,
    HEADER,
    PLAIN,
    SECURE,
    SETTINGS,
    Conversation,
    stored,
    stream_error,
)
from xmpp_im_host.credentials import ScramKeys
from xmpp_im_host.streams import (
    MECHANISMS,
    Authenticated,
    AuthenticationFailed,
    ChannelBinding,
    ClientStream,
    CredentialsNeeded,
    PasswordReceived,
    StreamEnded,
    Transport,
)
from xmpp_im_host.streams.scram import SASLFailure, ScramServer

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
END_POINT = ChannelBinding("tls-server-end-point", b"the digest of the certificate")
EXPORTER = ChannelBinding("tls-exporter", b"what both ends of the connection export")
BOUND = Transport(encrypted=True, channel_bindings=(EXPORTER, END_POINT))
EMPTY_CHALLENGE = f'<challenge xmlns="{SASL}"/>'
SCRAM = [name for name in MECHANISMS if name != "PLAIN"]


def auth(mechanism: str, text: str | bytes | None = None) -> str:
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{_written(text)}</auth>"


def response(text: str | bytes) -> str:
    return f"<response xmlns='{SASL}'>{_written(text)}</response>"


def _written(text: str | bytes | None) -> str:
    """Return a text as it is, and bytes in base64."""
    return b64encode(text).decode() if isinstance(text, bytes) else text or ""


def failure(condition: str) -> str:
    return f'<failure xmlns="{SASL}"><{condition}/></failure>'


def payload(said: str, name: str) -> str:
    match = re.fullmatch(rf'<{name} xmlns="{SASL}">([^<]*)</{name}>', said)
    assert match is not None, said
    return b64decode(match[1]).decode()


def opened(talk: Conversation) -> Conversation:
    assert "mechanisms" in talk.says(HEADER)
    return talk


def logs_in(
    talk: Conversation,
    mechanism: str,
    password: str = "r0m30myr0m30",
    *,
    user: str = "juliet",
    binding: ChannelBinding | None = None,
    initial: bool = True,
) -> str:
    """Log in with scramp's client. Return what the server says last; the client has checked the server's proof."""
    channel = None if binding is None else (binding.name, binding.data)
    client = ScramClient([mechanism], user, password, channel_binding=channel)
    first = client.get_client_first().encode()
    if initial:
        said = talk.says(auth(mechanism, first))
    else:
        assert talk.says(auth(mechanism)) == EMPTY_CHALLENGE
        said = talk.says(response(first))
    client.set_server_first(payload(said, "challenge"))
    said = talk.says(response(client.get_client_final().encode()))
    if said.startswith("<success"):
        client.set_server_final(payload(said, "success"))
    return said


# --- success --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("initial", [True, False])
@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram(mechanism: str, initial: bool) -> None:
    """§6.3.10: with and without an initial response, additional data with success."""
    talk = opened(Conversation(EASY, BOUND))
    binding = END_POINT if mechanism.endswith("-PLUS") else None
    assert logs_in(talk, mechanism, initial=initial, binding=binding).startswith("<success")
    assert talk.last(Authenticated) == Authenticated(talk.of(CredentialsNeeded)[0].account, mechanism)
    assert talk.stream.account is not None
    assert talk.stream.account.full == "juliet@im.example.com"


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_with_a_wrong_password(mechanism: str) -> None:
    talk = opened(Conversation(EASY, BOUND))
    binding = END_POINT if mechanism.endswith("-PLUS") else None
    assert logs_in(talk, mechanism, "r0m30", binding=binding) == failure("not-authorized")
    assert talk.last(AuthenticationFailed).condition == "not-authorized"
    assert logs_in(talk, mechanism, binding=binding).startswith("<success")  # §6.4.5: a retry


def test_plain_with_and_without_an_initial_response() -> None:
    talk = opened(Conversation())
    assert talk.says(auth("PLAIN")) == EMPTY_CHALLENGE
    assert talk.says(response(b"\0juliet\0wrong")) == failure("not-authorized")
    assert talk.says(PLAIN) == f'<success xmlns="{SASL}"/>'
    assert [type(event) for event in talk.events] == [
        PasswordReceived,
        AuthenticationFailed,
        PasswordReceived,
        Authenticated,
    ]
    assert "r0m30" not in repr(talk.events)


@pytest.mark.parametrize("name", ["Juliet", "JULIET", "\N{FULLWIDTH LATIN SMALL LETTER J}uliet"])
def test_a_name_is_prepared(name: str) -> None:
    talk = opened(Conversation())
    assert talk.says(auth("PLAIN", f"\0{name}\0r0m30myr0m30".encode())).startswith("<success")
    assert talk.stream.account is not None
    assert talk.stream.account.full == "juliet@im.example.com"


def test_the_exchange_of_rfc_7677() -> None:
    """RFC 7677 §3, which names all values."""
    salt = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    salted = pbkdf2_hmac("sha256", b"pencil", salt, 4096)
    keys = ScramKeys(
        salt, 4096, sha256(digest(salted, b"Client Key", "sha256")).digest(), digest(salted, b"Server Key", "sha256")
    )
    server = ScramServer("sha256", False, (), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    assert server.client_first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").name == "user"
    assert server.server_first(keys) == (
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert (
        server.client_final(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        )
        == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )


# --- authorization identities and other channels: scramp's client cannot do them --------------------------------


def final(
    first: bytes, challenge: str, password: str, header: str, data: bytes = b"", hash_name: str = "sha256"
) -> bytes:
    """Return the last message of a client of SCRAM-SHA-256 (RFC 5802 §3)."""
    fields = dict(part.split("=", 1) for part in challenge.split(","))
    salted = pbkdf2_hmac(hash_name, password.encode(), b64decode(fields["s"]), int(fields["i"]))
    key = digest(salted, b"Client Key", hash_name)
    unproved = f"c={b64encode(header.encode() + data).decode()},r={fields['r']}"
    bare = first.decode().removeprefix(header)
    signature = digest(sha256(key).digest(), f"{bare},{challenge},{unproved}".encode(), hash_name)
    proof = bytes([one ^ other for one, other in zip(key, signature, strict=True)])
    return f"{unproved},p={b64encode(proof).decode()}".encode()


def by_hand(talk: Conversation, header: str, data: bytes = b"", mechanism: str = "SCRAM-SHA-256") -> str:
    first = f"{header}n=juliet,r=fyko+d2lbbFgONRv9qkxdawL".encode()
    said = talk.says(auth(mechanism, first))
    if not said.startswith("<challenge"):
        return said
    return talk.says(response(final(first, payload(said, "challenge"), "r0m30myr0m30", header, data)))


@pytest.mark.parametrize("binding", [EXPORTER, END_POINT])
def test_each_channel_binding_that_the_transport_has(binding: ChannelBinding) -> None:
    talk = Conversation(EASY, BOUND)
    assert (
        '<sasl-channel-binding xmlns="urn:xmpp:sasl-cb:0"><channel-binding type="tls-exporter"/>'
        '<channel-binding type="tls-server-end-point"/></sasl-channel-binding>'
    ) in talk.says(HEADER)  # XEP-0440
    assert by_hand(talk, f"p={binding.name},,", binding.data, "SCRAM-SHA-256-PLUS").startswith("<success")


def test_the_channel_of_somebody_in_the_middle_is_another_one() -> None:
    talk = opened(Conversation(EASY, BOUND))
    assert by_hand(talk, "p=tls-exporter,,", b"other", "SCRAM-SHA-256-PLUS") == failure("not-authorized")
    assert by_hand(talk, "p=tls-exporter,,", END_POINT.data, "SCRAM-SHA-256-PLUS") == failure("not-authorized")


@pytest.mark.parametrize(
    ("header", "mechanism", "condition"),
    [
        ("y,,", "SCRAM-SHA-256", "not-authorized"),  # RFC 5802 §6: the offer was taken out on its way
        ("p=tls-unique,,", "SCRAM-SHA-256-PLUS", "not-authorized"),
        ("n,,", "SCRAM-SHA-256-PLUS", "malformed-request"),
        ("p=tls-exporter,,", "SCRAM-SHA-256", "malformed-request"),
    ],
)
def test_a_channel_binding_that_does_not_fit(header: str, mechanism: str, condition: str) -> None:
    talk = opened(Conversation(EASY, BOUND))
    assert talk.says(auth(mechanism, f"{header}n=juliet,r=x".encode())) == failure(condition)


def test_a_client_that_could_bind_the_channel_says_so_where_it_is_not_offered() -> None:
    """RFC 5802 §6, "y": the client supports channel binding and thinks that the server does not."""
    assert by_hand(opened(Conversation()), "y,,").startswith("<success")
    unbound = opened(Conversation(evolve(EASY, mechanisms=("SCRAM-SHA-256",)), BOUND))
    assert by_hand(unbound, "y,,").startswith("<success")


@pytest.mark.parametrize("authzid", ["juliet@im.example.com", "Juliet@IM.example.com"])
def test_the_own_bare_jid_is_a_valid_authzid(authzid: str) -> None:
    """§6.3.8."""
    assert (
        opened(Conversation()).says(auth("PLAIN", f"{authzid}\0juliet\0r0m30myr0m30".encode())).startswith("<success")
    )
    assert by_hand(opened(Conversation()), f"n,a={authzid},").startswith("<success")


@pytest.mark.parametrize("authzid", ["romeo@im.example.com", "juliet", "juliet@im.example.com/x", "juliet@", "@", " "])
def test_every_other_authzid_is_invalid(authzid: str) -> None:
    """§6.5.6."""
    talk = opened(Conversation())
    assert talk.says(auth("PLAIN", f"{authzid}\0juliet\0r0m30myr0m30".encode())) == failure("invalid-authzid")
    assert by_hand(talk, f"n,a={authzid},") == failure("invalid-authzid")


# --- what strangers learn -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "juliet@im.example.com",
        "juliet@im.example.com/",
        "juliet/",
        "juliet/im.example.com",
        "juliet@im.example.com/balcony",
        "@",
        "/",
        "a b",
        "juliet@",
        "\N{SNOWMAN}",
        "tybalt",
    ],
)
def test_such_a_name_logs_in_as_nobody(name: str) -> None:
    """No name with a domain or a slash is an account, and nobody can tell an unknown account from a known one."""
    talk = opened(Conversation(accounts={"juliet@im.example.com": "r0m30myr0m30", "im.example.com": "r0m30myr0m30"}))
    assert talk.says(auth("PLAIN", f"\0{name}\0r0m30myr0m30".encode())) == failure("not-authorized")
    challenges = []
    for _ in range(2):
        escaped = name.replace("=", "=3D").replace(",", "=2C")
        first = f"n,,n={escaped},r=fyko+d2lbbFgONRv9qkxdawL".encode()
        challenges.append(payload(talk.says(auth("SCRAM-SHA-256", first)), "challenge"))
        said = talk.says(response(final(first, challenges[-1], "r0m30myr0m30", "n,,")))
        assert said.startswith(failure("not-authorized"))
    assert not talk.of(Authenticated)
    salts = [challenge.split(",", 1)[1] for challenge in challenges]
    assert salts[0] == salts[1]  # the same each time, as of an account
    known = opened(Conversation())
    real = payload(known.says(auth("SCRAM-SHA-256", b"n,,n=juliet,r=fyko+d2lbbFgONRv9qkxdawL")), "challenge")
    assert re.sub("[A-Za-z0-9+/]", "x", salts[0]) == re.sub("[A-Za-z0-9+/]", "x", real.split(",", 1)[1])


def test_the_salts_of_unknown_accounts_differ_and_depend_on_the_secret() -> None:
    def salt(name: str, secret: bytes = SETTINGS.secret, mechanism: str = "SCRAM-SHA-256") -> str:
        talk = opened(Conversation(evolve(EASY, secret=secret), accounts={}))
        return payload(talk.says(auth(mechanism, f"n,,n={name},r=x".encode())), "challenge").split(",")[1]

    salts = {salt("a"), salt("b"), salt("a", b"another secret value"), salt("a", mechanism="SCRAM-SHA-1")}
    assert len(salts) == 4
    assert salt("A") == salt("a")  # one account


def test_a_password_never_shows_in_a_repr() -> None:
    keys = stored("r0m30myr0m30").sha256
    assert str(keys.salt) not in repr(keys)
    assert "secret of" not in repr(SETTINGS)


# --- failures (§6.5) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>", "aborted"),
        (auth("PLAIN", "AGp1bGlldAByMG0zMG15cjBtMzA"), "incorrect-encoding"),  # the padding is missing
        (auth("PLAIN", "AGp1 bGlldAByMG0zMG15cjBtMzA="), "incorrect-encoding"),
        (auth("PLAIN", "AGp1bGlldAByMG0zMG15cjBtMzB="), "incorrect-encoding"),  # the last bits are not zero
        (auth("PLAIN", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"), "incorrect-encoding"),
        (auth("PLAIN", "=="), "incorrect-encoding"),
        (auth("PLAIN", "="), "malformed-request"),  # present, but empty (§6.4.2)
        (auth("PLAIN", b"juliet\0r0m30myr0m30"), "malformed-request"),
        (auth("PLAIN", b"\0juliet\0r0m30\0myr0m30"), "malformed-request"),
        (auth("PLAIN", b"\0juliet\0"), "malformed-request"),
        (auth("PLAIN", b"\0\0r0m30myr0m30"), "malformed-request"),
        (auth("PLAIN", b"\0juliet\0\xff"), "malformed-request"),
        (auth("PLAIN", "<x/>"), "malformed-request"),
        (auth("SCRAM-SHA-1", b"n,,n=juliet"), "malformed-request"),
        (auth("SCRAM-SHA-1", b"n,,m=x,n=juliet,r=x"), "malformed-request"),  # RFC 5802 §5.1: must fail
        (auth("SCRAM-SHA-1", b"n,,n=jul=iet,r=x"), "malformed-request"),
        (auth("SCRAM-SHA-1", b"n,,n=juliet,r=x y"), "malformed-request"),
        (auth("SCRAM-SHA-1", b"n,,n=,r=x"), "malformed-request"),
        (auth("SCRAM-SHA-1", b"\xff"), "malformed-request"),
        (response(b"\0juliet\0r0m30myr0m30"), "malformed-request"),  # to no challenge
        (auth("SCRAM-SHA-1", b"n,,n=a=2Cb=3D,r=x").replace("</auth>", "<x/></auth>"), "malformed-request"),
        (auth("CRAM-MD5"), "invalid-mechanism"),
        (f"<auth xmlns='{SASL}'/>", "invalid-mechanism"),
        (auth("SCRAM-SHA-1-PLUS"), "encryption-required"),
    ],
)
def test_each_failure_has_its_name_and_the_client_may_try_again(said: str, condition: str) -> None:
    talk = opened(Conversation())
    assert talk.says(said) == failure(condition)
    assert talk.last(AuthenticationFailed).condition == condition
    assert talk.says(PLAIN).startswith("<success")


def test_what_needs_a_secure_connection_says_so() -> None:
    """§6.5.4."""
    talk = Conversation(SETTINGS)
    assert "mechanisms" not in talk.says(HEADER)
    for mechanism in ("SCRAM-SHA-256", "PLAIN"):
        assert talk.says(auth(mechanism, b"n,,n=juliet,r=x")) == failure("encryption-required")
    clear = opened(Conversation(evolve(EASY, plain_in_clear=False)))
    assert clear.says(PLAIN) == failure("encryption-required")
    assert not clear.of(PasswordReceived)


def test_a_mechanism_that_is_too_weak() -> None:
    """§6.5.9, "weaker than server policy permits"; §6.5.7 where the transport cannot bind the channel."""
    talk = opened(Conversation(evolve(EASY, mechanisms=("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS")), SECURE))
    assert talk.says(PLAIN) == failure("mechanism-too-weak")
    assert talk.says(auth("SCRAM-SHA-1")) == failure("mechanism-too-weak")
    assert talk.says(auth("SCRAM-SHA-256-PLUS")) == failure("invalid-mechanism")


@pytest.mark.parametrize("condition", ["temporary-auth-failure", "account-disabled", "credentials-expired"])
@pytest.mark.parametrize("request_", [PLAIN, auth("SCRAM-SHA-1", b"n,,n=juliet,r=x")])
def test_a_failure_that_the_server_decides(condition: str, request_: str) -> None:
    """§6.5.2, §6.5.3, §6.5.11."""

    def refuse(stream: ClientStream, _: object) -> None:
        stream.credentials_unavailable(condition)

    talk = opened(Conversation(answers={PasswordReceived: refuse, CredentialsNeeded: refuse}))
    assert talk.says(request_) == failure(condition)
    assert talk.last(AuthenticationFailed).account is not None


def test_an_unknown_condition_is_an_error_of_the_caller() -> None:
    talk = opened(Conversation(answers={PasswordReceived: lambda stream, event: None}))
    talk.says(PLAIN)
    with pytest.raises(ValueError, match="condition: 'no' is not defined"):
        talk.stream.credentials_unavailable("no")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("c=biws", "c=biwr"),
        lambda text: text.replace(",r=", ",r=x"),
        lambda text: text + "A",
        lambda text: text.replace("p=", "p=AAAA"),
        lambda text: text.rpartition(",")[0],
        lambda text: "",
        lambda text: text.replace("c=biws", "c=*"),
    ],
)
def test_a_changed_proof_fails(change: Callable[[str], str]) -> None:
    talk = opened(Conversation())
    first = b"n,,n=juliet,r=fyko"
    challenge = payload(talk.says(auth("SCRAM-SHA-256", first)), "challenge")
    proof = change(final(first, challenge, "r0m30myr0m30", "n,,").decode())
    assert talk.says(response(proof.encode())) in (failure("not-authorized"), failure("malformed-request"))
    assert not talk.of(Authenticated)


def test_escaped_characters_of_a_name() -> None:
    """RFC 5802 §5.1: "=2C" is a comma and "=3D" an equals sign."""
    talk = opened(Conversation(accounts={"a,b=@im.example.com": "x"}))
    talk.says(auth("SCRAM-SHA-1", b"n,,n=a=2Cb=3D,r=x"))
    assert talk.of(CredentialsNeeded)[0].account.full == "a,b=@im.example.com"


def test_a_response_has_no_children() -> None:
    talk = opened(Conversation())
    talk.says(auth("SCRAM-SHA-1", b"n,,n=juliet,r=x"))
    assert talk.says(response("<x/>")) == failure("malformed-request")


def test_a_proof_cannot_be_used_twice_nor_a_challenge() -> None:
    talk = opened(Conversation())
    first = b"n,,n=juliet,r=fyko"
    challenge = payload(talk.says(auth("SCRAM-SHA-256", first)), "challenge")
    proof = final(first, challenge, "r0m30myr0m30", "n,,")
    assert talk.says(response(final(first, challenge, "wrong", "n,,"))) == failure("not-authorized")
    assert talk.says(response(proof)) == failure("malformed-request")
    assert payload(talk.says(auth("SCRAM-SHA-256", first)), "challenge") != challenge
    assert talk.says(response(proof)) == failure("not-authorized")


def test_a_new_handshake_discards_the_ongoing_one() -> None:
    """§6.4.2: "the receiving entity MUST discard the ongoing handshake"."""
    talk = opened(Conversation())
    first = b"n,,n=juliet,r=fyko"
    challenge = payload(talk.says(auth("SCRAM-SHA-256", first)), "challenge")
    assert talk.says(auth("PLAIN")) == EMPTY_CHALLENGE
    assert talk.says(response(final(first, challenge, "r0m30myr0m30", "n,,"))) == failure("malformed-request")
    assert logs_in(talk, "SCRAM-SHA-256").startswith("<success")


def test_a_request_that_fails_at_once_discards_the_ongoing_one_too() -> None:
    talk = opened(Conversation())
    talk.says(auth("SCRAM-SHA-256", b"n,,n=juliet,r=fyko"))
    assert talk.says(auth("CRAM-MD5")) == failure("invalid-mechanism")
    assert talk.last(AuthenticationFailed) == AuthenticationFailed("invalid-mechanism", None)
    assert talk.says(response(b"c=biws,r=fyko,p=AAAA")) == failure("malformed-request")


def test_too_many_failures_close_the_stream() -> None:
    """§6.4.5: "MUST close the stream with a stream error, which SHOULD be <policy-violation/>"."""
    talk = opened(Conversation(evolve(EASY, attempts=3)))
    wrong = auth("PLAIN", b"\0juliet\0wrong")
    assert talk.says(wrong) == talk.says(wrong) == failure("not-authorized")
    said = talk.says(wrong)
    assert said.startswith(failure("not-authorized") + stream_error("policy-violation"))
    assert talk.last(StreamEnded) == StreamEnded("policy-violation")


@given(message=st.binary(max_size=60), mechanism=st.sampled_from([*MECHANISMS, "X"]), again=st.binary(max_size=60))
def test_no_message_raises_or_logs_in(message: bytes, mechanism: str, again: bytes) -> None:
    talk = opened(Conversation(EASY, BOUND))
    talk.says(auth(mechanism, message), response(again))
    assert not talk.of(Authenticated)


@given(first=st.text(alphabet="nypar=,x-2C3D@/ ", max_size=30).map(str.encode))
def test_no_first_message_of_scram_raises(first: bytes) -> None:
    server = ScramServer("sha1", False, (END_POINT,), "nonce")
    with suppress(SASLFailure):
        assert server.client_first(first).name


def test_scramp_refuses_a_server_without_the_keys() -> None:
    """The client of these tests does check the server's proof."""
    talk = opened(Conversation())
    client = ScramClient(["SCRAM-SHA-256"], "juliet", "r0m30myr0m30")
    client.set_server_first(payload(talk.says(auth("SCRAM-SHA-256", client.get_client_first().encode())), "challenge"))
    client.get_client_final()
    with pytest.raises(ScramException):
        client.set_server_final("v=" + b64encode(b"x" * 32).decode())


def test_clear_connections_offer_no_channel_binding() -> None:
    assert "PLUS" not in Conversation(EASY, CLEAR).says(HEADER)
    assert EASY.iterations == FEW
