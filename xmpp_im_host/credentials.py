"""What the server stores of a password: salted SCRAM keys (RFC 5802 §3, RFC 7677), never the password.

An account has keys for SHA-1 and for SHA-256, each with its own salt. With them a server can check a password or a
SCRAM exchange, but nobody can log in elsewhere with them.

**Iterations.** Every key is derived with :data:`ITERATIONS` rounds by default, which takes some milliseconds. RFC 7677
§4 demands at least 4096, and that is the lowest number that is accepted. A SCRAM client does the same rounds at each
login, so a number such as 600,000 would hold up small clients for seconds. More rounds protect weak passwords if
somebody steals the database. Keys that were made with another number stay valid.
"""

from __future__ import annotations

import json
from hmac import compare_digest
from stringprep import in_table_b1
from typing import Any, Final, Self

import attrs
from attrs import field
from attrs.validators import ge, instance_of, le
from scramp import ScramException, ScramMechanism  # type: ignore[import-untyped]

from xmpp_im_core.record import record

ITERATIONS: Final = 10_000
"""How many rounds derive a key, unless the configuration says otherwise."""
FEWEST_ITERATIONS: Final = 4096
"""The lowest number of rounds (RFC 5802 §5.1, RFC 7677 §4)."""

MOST_ITERATIONS: Final = 1_000_000
"""The highest number of rounds. A login by PLAIN costs the server as many, even with a wrong password."""

_FORMAT: Final = 1
_BYTES: Final = ("salt", "stored_key", "server_key")


@record
class ScramKeys:
    """The keys for one hash function (RFC 5802 §3)."""

    salt: bytes = field(validator=instance_of(bytes), repr=False)
    iterations: int = field(validator=[instance_of(int), ge(FEWEST_ITERATIONS), le(MOST_ITERATIONS)])
    stored_key: bytes = field(validator=instance_of(bytes), repr=False)
    server_key: bytes = field(validator=instance_of(bytes), repr=False)

    def for_scramp(self) -> tuple[bytes, bytes, bytes, int]:
        """Return what an authentication function of the package scramp returns."""
        return self.salt, self.stored_key, self.server_key, self.iterations


@record
class Credentials:
    """The keys of an account."""

    sha1: ScramKeys = field(validator=instance_of(ScramKeys))
    sha256: ScramKeys = field(validator=instance_of(ScramKeys))

    @classmethod
    def of(cls, password: str, iterations: int = ITERATIONS) -> Self:
        """Derive keys from a password, with new salts. This takes milliseconds: call it in a thread.

        :raises ValueError: if the password is empty, or contains a character that SASLprep prohibits (RFC 4013), or
            if there are too few or too many iterations.
        """
        if iterations < FEWEST_ITERATIONS:
            raise ValueError(f"iterations: {iterations}; at least {FEWEST_ITERATIONS} are needed (RFC 7677 §4)")
        return cls(_derived("SCRAM-SHA-1", password, iterations), _derived("SCRAM-SHA-256", password, iterations))

    def keys(self, mechanism: str) -> ScramKeys:
        """Return the keys for a SASL mechanism: SCRAM-SHA-1 or SCRAM-SHA-256, with or without -PLUS.

        :raises ValueError: if the mechanism is another one.
        """
        match mechanism.removesuffix("-PLUS"):
            case "SCRAM-SHA-1":
                return self.sha1
            case "SCRAM-SHA-256":
                return self.sha256
        raise ValueError(f"mechanism: there are no keys for {mechanism!r}")

    def matches(self, password: str) -> bool:
        """Whether this is the password. This takes milliseconds: call it in a thread."""
        stored = self.sha256
        try:
            tried = _derived("SCRAM-SHA-256", password, stored.iterations, stored.salt)
        except ValueError:
            return False
        return compare_digest(tried.stored_key, stored.stored_key)

    # --- text, for the storage --------------------------------------------------------------------------------

    def to_text(self) -> str:
        """Write the keys as one line of JSON."""
        return json.dumps({"format": _FORMAT, **{name: _written(getattr(self, name)) for name in ("sha1", "sha256")}})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what :meth:`to_text` wrote.

        :raises ValueError: if the text is something else.
        """
        try:
            data = json.loads(text)
            if data["format"] != _FORMAT:
                raise ValueError(f"'format' is {data['format']!r}; this release reads {_FORMAT}")
            return cls(_read(data["sha1"]), _read(data["sha256"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"these are no credentials: {type(error).__name__}: {error}") from None


def _derived(mechanism: str, password: str, iterations: int, salt: bytes | None = None) -> ScramKeys:
    if all(in_table_b1(character) for character in password):  # SASLprep maps these to nothing
        raise ValueError("password: it is empty")
    try:
        made = ScramMechanism(mechanism).make_auth_info(password, iteration_count=iterations, salt=salt)
    except (ScramException, UnicodeError) as error:
        raise ValueError(f"password: it cannot be prepared (RFC 4013): {error}") from None
    new_salt, stored_key, server_key, rounds = made
    return ScramKeys(new_salt, rounds, stored_key, server_key)


def _written(keys: ScramKeys) -> dict[str, Any]:
    data = attrs.asdict(keys)
    return {name: value.hex() if name in _BYTES else value for name, value in data.items()}


def _read(data: dict[str, Any]) -> ScramKeys:
    read: dict[str, Any] = {name: bytes.fromhex(value) if name in _BYTES else value for name, value in data.items()}
    return ScramKeys(**read)
