"""Every setting of the server, with its default. The defaults are bounded and listen on loopback only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import field, frozen

from xmpp_im_core.codec import CLIENT_TO_SERVER
from xmpp_im_host.configuration.values import (
    Endpoint,
    choice,
    domain,
    endpoint,
    label,
    number,
    path,
    postgres,
    seconds,
    secrets_of_domains,
    setting,
    several,
    truth,
    whole,
)

_DAY: Final = 86_400
_GIB: Final = 1 << 30


def data_directory() -> Path:
    """Return the directory of the default database: ``$XDG_DATA_HOME/xmpp-im-host``."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "xmpp-im-host"


@frozen(kw_only=True)
class Listen:
    """The addresses on which the server listens. An empty list switches a listener off."""

    tcp: tuple[Endpoint, ...] = setting(
        several(endpoint),
        (Endpoint("127.0.0.1", 5222), Endpoint("::1", 5222)),
        "Clients over TCP, which encrypt the connection with STARTTLS.",
    )
    tls: tuple[Endpoint, ...] = setting(
        several(endpoint), (), "Clients over TLS from the first byte (XEP-0368), usually port 5223."
    )
    websocket: tuple[Endpoint, ...] = setting(
        several(endpoint), (), "Clients over WebSocket in TLS (RFC 7395), usually port 5443."
    )
    components: tuple[Endpoint, ...] = setting(
        several(endpoint), (), "Components (XEP-0114), usually port 5347. This protocol has no encryption."
    )
    metrics: tuple[Endpoint, ...] = setting(several(endpoint), (), "HTTP: /metrics for Prometheus, and /health.")


@frozen(kw_only=True)
class Certificate:
    """The certificate of the server. Without files, the server makes a self-signed one for loopback."""

    certificate: Path | None = setting(path, None, "The file of the certificate and its chain, in PEM.")
    key: Path | None = setting(path, None, "The file of the private key, in PEM, if it is not in the same file.")


@frozen(kw_only=True)
class NodeSettings:
    """What this server is among the servers that share a PostgreSQL database."""

    name: str = setting(label, "", "What operators call this node; by default the name of its machine.")
    weight: float = setting(
        number(0, 1_000), 1.0, "The share of the accounts that this node owns, in proportion to the other nodes."
    )
    beat_seconds: float = setting(seconds(0.05, 60), 0.5, "How often the node says in the database that it is alive.")
    dead_seconds: float = setting(
        seconds(0.3, 600),
        3.0,
        "A node that has not said so for this time is dead: others end its sessions and own its accounts.",
    )


@frozen(kw_only=True)
class Limits:
    """How much a peer can use of the server."""

    stanza_bytes: int = setting(
        whole(10_000, 16_777_216), CLIENT_TO_SERVER.stanza_bytes, "The maximum size of a stanza from a client."
    )
    queue_bytes: int = setting(
        whole(10_000, _GIB),
        1_048_576,
        "If more bytes than this wait for a client that does not read, its connection is dropped.",
    )
    queue_stanzas: int = setting(
        whole(10, 1_000_000),
        5_000,
        "If more stanzas than this were sent and not acknowledged (XEP-0198), the session ends.",
    )
    unacknowledged_bytes: int = setting(
        whole(100_000, _GIB),
        8_388_608,  # above the core's bound of stored messages, which a client gets at once
        "If more bytes than this were sent and not acknowledged (XEP-0198), the session ends.",
    )
    in_flight: int = setting(
        whole(1, 10_000), 32, "How many stanzas of a client are processed at a time; the rest is read later."
    )
    bytes_per_second: int = setting(
        whole(1_000, _GIB), 262_144, "How many bytes of a client are read in a second, in the long run."
    )
    bytes_burst: int = setting(
        whole(1_000, _GIB), 2_097_152, "How many bytes of a client are read at once, after a pause."
    )
    stanzas_per_second: int = setting(
        whole(1, 1_000_000), 200, "How many stanzas of a client are processed in a second, in the long run."
    )
    stanzas_burst: int = setting(
        whole(1, 1_000_000), 2_000, "How many stanzas of a client are processed at once, after a pause."
    )
    login_seconds: float = setting(
        seconds(0.1, 3_600), 30.0, "A connection that has no session after this time is closed."
    )
    login_bytes: int = setting(
        whole(2_000, 1_048_576), 65_536, "A connection that has sent more bytes than this without a session is closed."
    )
    logins_per_address: int = setting(
        whole(1, 1_000_000), 50, "How many connections without a session one address may have."
    )
    connections: int = setting(whole(1, 1_000_000), 20_000, "How many connections the server has at most.")
    idle_seconds: float = setting(
        seconds(0.1, _DAY), 300.0, "A client that has sent nothing for this time is asked whether it is there."
    )
    answer_seconds: float = setting(
        seconds(0.1, 3_600), 60.0, "A client that does not answer that question in this time is disconnected."
    )
    sessions: int = setting(whole(1, 1_000), 64, "How many sessions an account may have.")


@frozen(kw_only=True)
class Configuration:
    """The configuration of one server."""

    domains: tuple[str, ...] = setting(several(domain, 1), ("localhost",), "The domains that the server hosts.")
    database: Path | None = setting(
        path, None, "The file of the database. The certificate and the control socket stand next to it."
    )
    engine: tuple[str, ...] = field(
        default=(),
        repr=False,  # it may hold a password
        metadata={
            "read": postgres,
            "help": "A PostgreSQL database, as in postgresql://USER@HOST/NAME, in place of a file of SQLite; or a list "
            "of several, always in the same order, among which the accounts are divided.",
        },
    )
    in_memory: bool = setting(truth, False, "Keep everything in memory, for tests: nothing is stored.")
    registration: bool = setting(truth, False, "Whether anybody can create an account in-band (XEP-0077).")
    plaintext: bool = setting(
        truth, False, "Whether clients may log in without TLS, also with PLAIN. Allowed on loopback only."
    )
    resumption_seconds: float = setting(
        seconds(0, _DAY), 300.0, "How long a session waits for its client after the connection was lost (XEP-0198)."
    )
    outbox: bool = setting(
        truth,
        False,
        "Whether each stanza is stored until it is handed to a session or a component; each costs a commit.",
    )
    power_safe: bool = setting(
        truth,
        True,
        "Whether a commit waits until the disk has it. If not, a loss of power may lose the last commits.",
    )
    event_log: int = setting(
        whole(0, 1_000), 0, "How many of the last events of each account in memory the command inspect explains."
    )
    drain_seconds: float = setting(
        seconds(0, 3_600), 10.0, "How long the server waits, when it stops, until clients have read what they get."
    )
    log_format: str = setting(choice("text", "json"), "text", "The format of the log: text or json.")
    log_level: str = setting(
        choice("debug", "info", "warning", "error"), "info", "The least important messages that are logged."
    )
    listen: Listen = field(factory=Listen, metadata={"table": Listen})
    tls: Certificate = field(factory=Certificate, metadata={"table": Certificate})
    limits: Limits = field(factory=Limits, metadata={"table": Limits})
    node: NodeSettings = field(factory=NodeSettings, metadata={"table": NodeSettings})
    components: Mapping[str, str] = field(
        factory=dict, repr=False, metadata={"read": secrets_of_domains, "help": "The components, with their secrets."}
    )

    @property
    def database_file(self) -> Path:
        """Where the database is."""
        return self.database or data_directory() / "server.sqlite"

    def beside(self, suffix: str) -> Path:
        """Return the path of a file next to the database."""
        file = self.database_file
        return file.with_name(file.name + suffix)
