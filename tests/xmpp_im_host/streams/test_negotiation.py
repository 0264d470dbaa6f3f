"""Stream negotiation of a client, as in RFC 6120 §9.1: what each side says, in order."""

from __future__ import annotations

import pytest
from attrs import evolve

from tests.xmpp_im_host.streams.conversation import (
    BIND,
    CLEAR,
    EASY,
    GOODBYE,
    HEADER,
    PLAIN,
    SECURE,
    SETTINGS,
    Conversation,
    answer_header,
    stream_error,
)
from xmpp_im_core.stanza import Condition
from xmpp_im_host.streams import (
    Authenticated,
    AuthenticationFailed,
    BindRequested,
    PasswordReceived,
    StanzaReceived,
    StartTLS,
    StreamEnded,
    StreamSettings,
)

STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = '<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>'
SUCCESS = '<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>'
MESSAGE = "<message to='romeo@example.net'><body>Art thou not Romeo?</body></message>"


def features(*inner: str) -> str:
    return f"<stream:features>{''.join(inner)}</stream:features>"


def mechanisms(*names: str) -> str:
    inner = "".join([f"<mechanism>{name}</mechanism>" for name in names])
    return f'<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl">{inner}</mechanisms>'


REQUIRED = '<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"><required/></starttls>'
AUTHENTICATED = features(
    '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>',
    '<session xmlns="urn:ietf:params:xml:ns:xmpp-session"><optional/></session>',
    '<sm xmlns="urn:xmpp:sm:3"/>',
    '<csi xmlns="urn:xmpp:csi:0"/>',
    '<ver xmlns="urn:xmpp:features:rosterver"/>',
    '<sub xmlns="urn:xmpp:features:pre-approval"/>',
)


def test_the_example_of_the_rfc() -> None:
    """RFC 6120 §9.1, step by step."""
    talk = Conversation(SETTINGS)
    assert talk.says(HEADER) == answer_header(1) + features(REQUIRED)
    assert talk.says(STARTTLS) == PROCEED
    assert talk.says(HEADER) == answer_header(2) + features(mechanisms("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"))
    assert talk.says(PLAIN) == SUCCESS
    assert talk.says(HEADER) == answer_header(3) + AUTHENTICATED
    assert talk.says(BIND) == (
        '<iq id="b" type="result"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind">'
        "<jid>juliet@im.example.com/balcony</jid></bind></iq>"
    )
    assert talk.says(MESSAGE) == ""
    assert talk.says(GOODBYE) == GOODBYE
    assert [type(event) for event in talk.events] == [
        StartTLS,
        PasswordReceived,
        Authenticated,
        BindRequested,
        StanzaReceived,
        StreamEnded,
    ]
    received = talk.of(StanzaReceived)[0]
    assert (received.number, received.stanza.to_jid and received.stanza.to_jid.full) == (1, "romeo@example.net")
    assert received.stanza.lang == "en"  # of the stream (§4.7.4)
    assert talk.last(StreamEnded) == StreamEnded(by_peer=True)
    assert talk.stream.closed


# --- the header (§4.7) ----------------------------------------------------------------------------------------


def test_a_response_has_no_to_if_the_header_has_no_from() -> None:
    """§4.7.2: "the server MUST NOT include a 'to' attribute"."""
    assert Conversation().says(HEADER.replace("from='juliet@im.example.com' ", "")).startswith(answer_header(1, None))


@pytest.mark.parametrize("to", ["example.org", "juliet@im.example.com", "im.example.com/x", "a b", "im.example.com."])
def test_a_header_addresses_a_hosted_domain(to: str) -> None:
    """§4.9.3.6 host-unknown; the response has an empty 'from' (§4.9.1.3)."""
    talk = Conversation()
    said = talk.says(HEADER.replace("to='im.example.com'", f"to='{to}'"))
    if to == "im.example.com.":  # RFC 7622 §3.2: the final dot is removed
        assert "features" in said
        return
    assert 'from=""' in said
    assert stream_error("host-unknown") in said
    assert said.endswith(GOODBYE)
    assert talk.last(StreamEnded) == StreamEnded("host-unknown")


def test_each_hosted_domain_is_addressed() -> None:
    settings = evolve(EASY, domains=frozenset({"im.example.com", "example.org"}))
    talk = Conversation(settings, accounts={"juliet@example.org": "r0m30myr0m30"})
    assert 'from="example.org"' in talk.says(HEADER.replace("to='im.example.com'", "to='EXAMPLE.org'"))
    assert talk.says(PLAIN) == SUCCESS
    assert talk.of(Authenticated)[0].account.full == "juliet@example.org"


def test_without_to_the_only_domain_is_meant_and_none_of_several() -> None:
    """§4.7.2: "an entity SHOULD be liberal in accepting such stream headers"."""
    header = HEADER.replace("to='im.example.com'", "")
    assert "features" in Conversation().says(header)
    several = Conversation(evolve(EASY, domains=frozenset({"im.example.com", "example.org"})))
    assert stream_error("host-unknown") in several.says(header)


def test_after_authentication_the_domain_stays() -> None:
    talk = Conversation(evolve(EASY, domains=frozenset({"im.example.com", "example.org"})))
    talk.says(HEADER, PLAIN)
    assert stream_error("not-authorized") in talk.says(HEADER.replace("to='im.example.com'", "to='example.org'"))


@pytest.mark.parametrize(
    ("version", "answered"),
    [("1.0", "1.0"), ("1.1", "1.0"), ("2.4", "1.0"), ("01.00", "1.0"), ("0.9", None), ("", None), ("x", None)],
)
def test_the_version_is_at_least_1(version: str, answered: str | None) -> None:
    """§4.7.5: the response has the lower version; §4.9.3.25 unsupported-version."""
    said = Conversation().says(HEADER.replace("version='1.0' ", f"version='{version}' "))
    if answered is None:
        assert stream_error("unsupported-version") in said
    else:
        assert f'version="{answered}"' in said
        assert "features" in said


def test_a_header_without_version_has_a_response_without_version() -> None:
    """§4.7.5, rule 4."""
    said = Conversation().says(HEADER.replace("version='1.0' ", ""))
    assert said.count("version=") == 1  # that of the XML declaration
    assert stream_error("unsupported-version") in said


@pytest.mark.parametrize(
    ("begin", "condition"),
    [
        ("<stream:stream xmlns:stream='http://wrong' to='im.example.com' version='1.0'>", "invalid-namespace"),
        (HEADER.replace("'jabber:client'", "'jabber:server'"), "invalid-namespace"),
        (HEADER.replace("stream:stream ", "stream:flow "), "bad-format"),
        ("<message/>", "invalid-namespace"),
        ("GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        ("<!DOCTYPE x>", "restricted-xml"),
        ("<?xml version='1.0' encoding='latin-1'?>", "unsupported-encoding"),
    ],
)
def test_an_error_in_the_header_comes_after_a_response_header(begin: str, condition: str) -> None:
    """§4.9.1.1: "MUST still send the opening <stream> tag"."""
    talk = Conversation()
    said = talk.says(begin)
    assert said.startswith("<?xml version='1.0'?><stream:stream ")
    assert stream_error(condition) in said
    assert said.endswith(GOODBYE)
    assert talk.last(StreamEnded) == StreamEnded(condition)


# --- STARTTLS (§5) --------------------------------------------------------------------------------------------


def test_starttls_is_offered_and_not_required_if_so_configured() -> None:
    said = Conversation().says(HEADER)
    assert '<starttls xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>' in said
    assert mechanisms("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN") in said
    assert "PLAIN" not in Conversation(evolve(EASY, plain_in_clear=False)).says(HEADER)
    assert "starttls" not in Conversation(evolve(EASY, starttls=False)).says(HEADER)
    assert "starttls" not in Conversation(EASY, SECURE).says(HEADER)


@pytest.mark.parametrize("behind", [" ", MESSAGE, HEADER, "</stream:stream>", "\x16\x03\x01"])
def test_clear_text_behind_starttls_in_the_same_read_is_refused(behind: str) -> None:
    """§5.3.3: no whitespace either; §4.9.3.12: "other outbound data before the stream has been authenticated"."""
    talk = Conversation(SETTINGS)
    talk.says(HEADER)
    said = talk.says(STARTTLS + behind)
    assert PROCEED not in said
    assert stream_error("not-authorized") in said
    assert talk.last(StreamEnded) == StreamEnded("not-authorized")


def test_clear_text_instead_of_the_handshake_ends_the_stream_in_silence() -> None:
    """After <proceed/> the TLS negotiation has begun (§5.4.2.3): nothing in clear text may be written."""
    talk = Conversation(SETTINGS, answers={StartTLS: lambda stream, event: None})
    talk.says(HEADER)
    assert talk.says(STARTTLS) == PROCEED
    assert talk.stream.waiting
    assert talk.says(MESSAGE) == ""
    assert talk.last(StreamEnded) == StreamEnded("not-authorized")


def test_what_was_said_in_clear_text_is_forgotten() -> None:
    """§5.4.3.3, rule 2: the 'from' and the domain of the clear text do not count."""
    talk = Conversation(evolve(SETTINGS, domains=frozenset({"im.example.com", "example.org"})))
    talk.says(HEADER.replace("to='im.example.com'", "to='example.org'").replace("juliet@", "tybalt@"))
    talk.says(STARTTLS)
    assert 'from="im.example.com"' in talk.says(HEADER)
    assert talk.says(PLAIN) == SUCCESS


@pytest.mark.parametrize(
    ("settings", "transport", "command"),
    [
        (SETTINGS, SECURE, STARTTLS),
        (evolve(EASY, starttls=False), CLEAR, STARTTLS),
        (SETTINGS, CLEAR, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>x</starttls>"),
    ],
)
def test_starttls_fails_if_it_was_not_offered_or_is_malformed(settings: StreamSettings, transport, command) -> None:  # type: ignore[no-untyped-def]
    """§5.4.2.2: a <failure/>, and the stream is closed."""
    talk = Conversation(settings, transport)
    talk.says(HEADER)
    assert talk.says(command) == '<failure xmlns="urn:ietf:params:xml:ns:xmpp-tls"/>' + GOODBYE
    assert talk.last(StreamEnded) == StreamEnded()


# --- before authentication and binding ------------------------------------------------------------------------


@pytest.mark.parametrize("early", [MESSAGE, "<presence/>", BIND, "<x xmlns='urn:x'/>", "<enable xmlns='urn:x'/>"])
def test_nothing_passes_before_authentication(early: str) -> None:
    """§4.9.3.12: "the receiving entity MUST NOT process the offending data"."""
    talk = Conversation()
    talk.says(HEADER)
    assert stream_error("not-authorized") in talk.says(early + PLAIN)
    assert talk.events == [StreamEnded("not-authorized")]


@pytest.mark.parametrize("early", [MESSAGE, "<presence/>", "<iq id='1' type='get'><x xmlns='urn:x'/></iq>"])
def test_no_stanza_passes_before_binding(early: str) -> None:
    """§7.1: "the server MUST NOT process the stanza and MUST close the stream with a <not-authorized/>"."""
    talk = Conversation()
    talk.says(HEADER, PLAIN, HEADER)
    assert stream_error("not-authorized") in talk.says(early + BIND)
    assert not talk.of(StanzaReceived)
    assert not talk.of(BindRequested)


@pytest.mark.parametrize("size", [None, 1])
def test_a_stanza_behind_auth_is_neither_processed_nor_taken_for_one_of_the_new_stream(size: int | None) -> None:
    """§6.4.6: a new stream follows success; what comes instead of its header ends it."""
    talk = Conversation(size=size)
    talk.says(HEADER)
    said = talk.says(PLAIN + MESSAGE)
    assert said.startswith(SUCCESS + "<?xml version='1.0'?><stream:stream ")
    assert stream_error("invalid-namespace") in said
    assert not talk.of(StanzaReceived)


def test_a_stanza_behind_a_failed_auth_is_refused() -> None:
    talk = Conversation(accounts={})
    talk.says(HEADER)
    said = talk.says(PLAIN + MESSAGE)
    assert '<failure xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><not-authorized/></failure>' in said
    assert stream_error("not-authorized") in said


@pytest.mark.parametrize("size", [None, 1, 7])
def test_a_client_may_send_all_at_once(size: int | None) -> None:
    """Nothing is lost: the header of the next stream and the stanzas behind the bind request wait for their turn."""
    talk = Conversation(size=size)
    said = talk.says(HEADER + PLAIN + "\n" + HEADER + BIND + MESSAGE + "<presence/>" + GOODBYE)
    assert said.startswith(answer_header(1))
    assert said.endswith("</bind></iq>" + GOODBYE)
    assert [event.stanza.KIND for event in talk.of(StanzaReceived)] == ["message", "presence"]
    assert talk.last(StreamEnded) == StreamEnded(by_peer=True)


def test_a_second_authentication_is_refused() -> None:
    talk = Conversation()
    talk.says(HEADER, PLAIN, HEADER)
    assert stream_error("not-authorized") in talk.says(PLAIN)


def test_the_from_of_a_secure_header_is_the_account() -> None:
    """§6.4.6: "if the two identities do not match then the receiving entity SHOULD terminate the connection"."""
    tybalt = HEADER.replace("juliet@", "tybalt@")
    talk = Conversation(EASY, SECURE)
    talk.says(tybalt)
    assert stream_error("invalid-from") in talk.says(PLAIN)
    assert not talk.of(Authenticated)
    talk = Conversation(EASY, SECURE)
    talk.says(HEADER, PLAIN)
    assert stream_error("invalid-from") in talk.says(tybalt)
    talk = Conversation(EASY, CLEAR)
    talk.says(tybalt)  # in clear text it proves nothing
    assert talk.says(PLAIN) == SUCCESS


# --- binding (§7) ---------------------------------------------------------------------------------------------


def bound(request: str) -> tuple[str, Conversation]:
    talk = Conversation()
    talk.says(HEADER, PLAIN, HEADER)
    return talk.says(request), talk


@pytest.mark.parametrize("wish", ["", "<resource/>", "<resource>\x07</resource>".replace("\x07", "&#x200d;")])
def test_the_server_generates_a_resource(wish: str) -> None:
    """§7.6.1; §7.7.2.1: "SHOULD instead process the resourcepart so that it is in conformance"."""
    said, talk = bound(f"<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{wish}</bind></iq>")
    assert "<jid>juliet@im.example.com/token-" in said
    assert talk.stream.jid is not None
    assert talk.of(BindRequested)[0].jid == talk.stream.jid


def test_a_resource_is_prepared() -> None:
    said, talk = bound(BIND.replace("balcony", "café\N{NO-BREAK SPACE}bar"))
    assert "/café bar</jid>" in said
    assert talk.of(BindRequested)[0].lang == "en"


def test_the_server_may_choose_another_resource() -> None:
    talk = Conversation(answers={BindRequested: lambda stream, event: stream.bound("other")})
    talk.says(HEADER, PLAIN, HEADER)
    assert "<jid>juliet@im.example.com/other</jid>" in talk.says(BIND)
    assert talk.stream.jid is not None
    assert talk.stream.jid.resource == "other"


@pytest.mark.parametrize(
    ("condition", "type"),
    [
        (Condition.CONFLICT, "modify"),
        (Condition.RESOURCE_CONSTRAINT, "wait"),
        (Condition.NOT_ALLOWED, "cancel"),
    ],
)
def test_a_refused_client_may_ask_again_some_times(condition: Condition, type: str) -> None:
    """§7.6.2, §7.7.2.2: the error; §7.7.3: 5 retries, then policy-violation."""
    talk = Conversation(answers={BindRequested: lambda stream, event: stream.refuse_bind(condition)})
    talk.says(HEADER, PLAIN, HEADER)
    refusal = (
        f'<iq id="b" type="error"><error type="{type}">'
        f'<{condition.value} xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>'
    )
    for _ in range(5):
        assert talk.says(BIND) == refusal
    said = talk.says(BIND)
    assert said.startswith(refusal)
    assert stream_error("policy-violation") in said


@pytest.mark.parametrize("request_", [BIND.replace("'set'", "'get'"), BIND.replace("id='b' ", "")])
def test_a_malformed_request_to_bind_is_a_bad_request(request_: str) -> None:
    said, talk = bound(request_)
    assert "bad-request" in said
    assert not talk.of(BindRequested)
    assert "balcony" in talk.says(BIND)


def test_a_second_resource_is_not_allowed_and_a_session_is_granted() -> None:
    """RFC 3921 §3: a session does nothing. Neither request is a stanza for the server around the stream."""
    talk = Conversation().binds()
    assert "not-allowed" in talk.says(BIND)
    request = "<iq id='s' type='set'{}><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
    assert talk.says(request.format("")) == '<iq id="s" type="result"/>'
    assert 'type="result"' in talk.says(request.format(" to='im.example.com'"))
    assert 'type="result"' in talk.says(request.format(" to='juliet@im.example.com'"))
    assert not talk.of(StanzaReceived)
    assert talk.says(request.format(" to='example.org'")) == ""  # not for this server
    assert len(talk.of(StanzaReceived)) == 1


# --- the end (§4.4, §4.9) -------------------------------------------------------------------------------------


def test_the_server_closes_and_receives_until_the_client_closes() -> None:
    """§4.4, rules 1 and 2."""
    talk = Conversation().binds()
    talk.stream.close()
    assert talk.hears() == GOODBYE
    assert not talk.stream.closed
    assert talk.says(MESSAGE) == ""
    assert len(talk.of(StanzaReceived)) == 1
    assert talk.says(GOODBYE) == ""
    assert talk.last(StreamEnded) == StreamEnded(by_peer=True)
    assert talk.stream.closed


def test_after_an_error_nothing_is_read_or_written() -> None:
    """§4.9.1.1: stream errors are unrecoverable."""
    talk = Conversation().binds()
    talk.stream.close("system-shutdown", "good night")
    said = talk.hears()
    assert said == (
        stream_error("system-shutdown")
        + '<text xmlns="urn:ietf:params:xml:ns:xmpp-streams" xml:lang="en">good night</text></stream:error>'
        + GOODBYE
    )
    assert talk.says(MESSAGE + GOODBYE) == ""
    talk.stream.close("conflict")
    talk.stream.disconnected()
    assert talk.hears() == ""
    assert talk.of(StreamEnded) == [StreamEnded("system-shutdown")]


def test_an_error_of_the_client_ends_the_stream() -> None:
    talk = Conversation().binds()
    said = talk.says(
        "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
    )
    assert said == GOODBYE
    assert talk.last(StreamEnded) == StreamEnded("policy-violation", by_peer=True)


def test_a_broken_connection_ends_the_stream() -> None:
    talk = Conversation().binds()
    talk.stream.disconnected()
    assert talk.hears() == ""
    assert talk.last(StreamEnded) == StreamEnded(by_peer=True)


@pytest.mark.parametrize(
    ("bad", "condition"),
    [
        ("<x xmlns='urn:x'/>", "unsupported-stanza-type"),
        ("<message xmlns='jabber:server'/>", "invalid-namespace"),
        ("<stanza/>", "unsupported-stanza-type"),
        ("text", "bad-format"),
        ("<message><!-- --></message>", "restricted-xml"),
        ("<message></presence>", "not-well-formed"),
        (b"\xff", "unsupported-encoding"),
        ("<message>" + "<a>" * 80, "policy-violation"),
        ("<message>" + "x" * 270_000, "policy-violation"),
    ],
)
def test_what_precedes_an_error_is_received(bad: str | bytes, condition: str) -> None:
    talk = Conversation().binds()
    said = talk.says(MESSAGE.encode() + (bad if isinstance(bad, bytes) else bad.encode()))
    assert len(talk.of(StanzaReceived)) == 1
    assert said.startswith(stream_error(condition))
    assert said.endswith("</stream:error>" + GOODBYE)


# --- bounds ---------------------------------------------------------------------------------------------------


def test_a_stranger_may_send_little() -> None:
    """One element is bounded, and all of them together."""
    for early in (
        "<message>" + "x" * 20_000,
        " " * 70_000,
        "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>" * 2_000,
    ):
        talk = Conversation()
        talk.says(HEADER)
        assert stream_error("policy-violation") in talk.says(early)
    talk = Conversation().binds()
    assert talk.says(" " * 70_000, "<message><body>" + "x" * 200_000 + "</body></message>") == ""


def test_little_is_kept_while_an_answer_is_awaited() -> None:
    for cut in (False, True):
        talk = Conversation(answers={PasswordReceived: lambda stream, event: None})
        talk.says(HEADER)
        said = talk.says(PLAIN, "x" * 20_000) if cut else talk.says(PLAIN + "x" * 20_000)
        assert stream_error("policy-violation") in said
        talk.stream.password_checked(True)  # too late, and no error
        assert talk.hears() == ""
        assert talk.last(StreamEnded) == StreamEnded("policy-violation")


def test_the_end_for_too_much_data_comes_at_once() -> None:
    stream = Conversation().stream
    stream.receive((HEADER + PLAIN + "x" * 20_000).encode())
    assert [type(event) for event in stream.events()] == [PasswordReceived, StreamEnded]


def test_an_answer_that_nobody_awaits_is_an_error_of_the_caller() -> None:
    talk = Conversation()
    talk.says(HEADER)
    with pytest.raises(RuntimeError, match="no BindRequested awaits an answer"):
        talk.stream.bound()
    with pytest.raises(RuntimeError, match="no CredentialsNeeded or PasswordReceived awaits"):
        talk.stream.credentials_unavailable()
    assert not talk.of(AuthenticationFailed)
