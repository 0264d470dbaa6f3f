"""The configuration: every error names the key and what is allowed; the defaults are bounded, and loopback only."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from xmpp_im_host.configuration import (
    BadConfiguration,
    Certificate,
    Configuration,
    Endpoint,
    Limits,
    Listen,
    NodeSettings,
    read_configuration,
    read_file,
)


def test_without_a_file_the_server_listens_on_loopback_alone() -> None:
    configuration = read_configuration({})

    listeners = [each for field in attrs.fields(Listen) for each in getattr(configuration.listen, field.name)]
    assert listeners == [Endpoint("127.0.0.1", 5222), Endpoint("::1", 5222)]
    assert all(each.is_loopback for each in listeners)
    assert not configuration.registration
    assert not configuration.plaintext


def test_one_database_is_named_or_several_and_errors_keep_their_passwords() -> None:
    one, two = "postgresql://a:sesame@one.example/x", "postgres://two.example/x"
    for given, expected in (("", ()), ([""], ()), (one, (one,)), ([one, two], (one, two))):
        assert read_configuration({"engine": given}).engine == expected
    for wrong in ([one, one], f"mysql:{one}", [one, f"file:{one}"], 3, [3]):
        with pytest.raises(BadConfiguration) as caught:
            read_configuration({"engine": wrong})
        assert str(caught.value).startswith("engine: ")
        assert "sesame" not in str(caught.value)


def test_no_limit_is_switched_off_by_default() -> None:
    assert all(getattr(Limits(), field.name) > 0 for field in attrs.fields(Limits))


WRONG: Final[Mapping[str, Mapping[str, Any]]] = {
    "listn": {"listn": {}},
    "limits.stanza_byte": {"limits": {"stanza_byte": 1}},
    "limits.sessions": {"limits": {"sessions": 0}},
    "limits.login_seconds": {"limits": {"login_seconds": "long"}},
    "limits": {"limits": 3},
    "domains": {"domains": ["romeo@montague.example"]},
    "listen.tcp": {"listen": {"tcp": ["127.0.0.1"]}},
    "listen.tls": {"listen": {"tls": "127.0.0.1:5223"}},
    "listen.components": {"listen": {"components": ["127.0.0.1:70000"]}},
    "registration": {"registration": "yes"},
    "power_safe": {"power_safe": 1},
    "log_format": {"log_format": "xml"},
    "database": {"database": 3},
    "components": {"components": {"irc.capulet.example": "short"}},
    "tls.key": {"tls": {"key": "key.pem"}},
    "resumption_seconds": {"resumption_seconds": -1},
    "node.name": {"node": {"name": "verona\n"}},
    "node.weight": {"node": {"weight": -1}},
    "node.dead_seconds": {"node": {"dead_seconds": 1, "beat_seconds": 0.5}},
}


@pytest.mark.parametrize("key", WRONG)
def test_an_error_names_the_key(key: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read_configuration(WRONG[key])

    assert str(caught.value).startswith(f"{key}: ")


@pytest.mark.parametrize("value", [True, 0, 1_001, 1.5, "64"])
def test_an_error_says_what_is_allowed(value: Any) -> None:
    with pytest.raises(BadConfiguration, match=r"^limits.sessions: an integer from 1 to 1000 is needed$"):
        read_configuration({"limits": {"sessions": value}})


def test_a_misspelt_key_is_met_with_the_nearest_one() -> None:
    with pytest.raises(BadConfiguration, match="Did you mean idle_seconds"):
        read_configuration({"limits": {"idle_second": 10}})


@pytest.mark.parametrize("address", ["0.0.0.0:5222", "[::]:5222", "192.0.2.1:5222", "capulet.example:5222"])
def test_a_listener_for_the_world_needs_a_certificate(address: str) -> None:
    with pytest.raises(BadConfiguration, match=r"^listen.tcp: .* loopback .* tls.certificate"):
        read_configuration({"listen": {"tcp": [address]}})

    opened = read_configuration({"listen": {"tcp": [address]}, "tls": {"certificate": "server.pem"}})
    assert [str(each) for each in opened.listen.tcp] == [address]


@pytest.mark.parametrize("name", ["components", "metrics"])
def test_what_has_no_encryption_stays_on_loopback(name: str) -> None:
    with pytest.raises(BadConfiguration, match=rf"^listen.{name}: .* loopback"):
        read_configuration({"listen": {name: ["0.0.0.0:5347"]}, "tls": {"certificate": "server.pem"}})


def test_logins_without_tls_stay_on_loopback() -> None:
    with pytest.raises(BadConfiguration, match=r"^listen.tcp: .* loopback .* plaintext"):
        read_configuration(
            {"plaintext": True, "listen": {"tcp": ["0.0.0.0:5222"]}, "tls": {"certificate": "server.pem"}}
        )


def test_the_secret_of_a_component_is_never_told() -> None:
    configuration = read_configuration({"components": {"irc.capulet.example": "wherefore art thou"}})
    with pytest.raises(BadConfiguration) as caught:
        read_configuration({"components": {"irc.capulet.example": "short"}})

    assert "wherefore" not in repr(configuration)
    assert "short" not in str(caught.value)


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "host.toml"
    file.write_text('domains = ["Capulet.example"]\n[listen]\ntcp = ["127.0.0.1:15222"]\n', encoding="utf-8")

    assert read_file(file).domains == ("capulet.example",)
    assert read_file(file, {"domains": ["montague.example"]}).domains == ("montague.example",)
    assert read_file(file, {"listen.tcp": ["[::1]:0"]}).listen.tcp == (Endpoint("::1", 0),)


@pytest.mark.parametrize("text", ["domains = [", "\xff", 'domains = ["a@b"]'])
def test_an_error_names_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "host.toml"
    file.write_bytes(text.encode("latin-1"))

    with pytest.raises(BadConfiguration, match=str(file)):
        read_file(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=r"nowhere\.toml: No such file"):
        read_file(tmp_path / "nowhere.toml")


def test_every_setting_can_be_read_and_says_what_it_means() -> None:
    for cls in (Configuration, Listen, Limits, Certificate):
        for field in attrs.fields(cls):
            assert {"read", "help"} <= field.metadata.keys() or "table" in field.metadata, field.name


# --- the README ---------------------------------------------------------------------------------------------

README: Final = (Path(__file__).parents[2] / "xmpp_im_host" / "README.md").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)


def test_the_readme_shows_every_setting_with_its_default() -> None:
    shown = tomllib.loads(re.sub(r"^# (?=[a-z\"])", "", BLOCKS[0], flags=re.MULTILINE))
    shown["database"] = str(Configuration().database_file)
    optional = {"tls": {"certificate", "key"}, "components": set(shown["components"])}
    for name, keys in optional.items():
        assert shown[name].keys() == keys
        del shown[name]
    configuration = read_configuration(shown)

    assert attrs.evolve(configuration, database=None) == Configuration()
    assert shown.keys() == {field.name for field in attrs.fields(Configuration)} - {"in_memory", *optional}
    assert shown["listen"].keys() == {field.name for field in attrs.fields(Listen)}
    assert shown["limits"].keys() == {field.name for field in attrs.fields(Limits)}
    assert shown["node"].keys() == {field.name for field in attrs.fields(NodeSettings)}


def test_the_readme_shows_how_to_open_the_server_to_the_world() -> None:
    configuration = read_configuration(tomllib.loads(BLOCKS[1]))

    assert not any(each.is_loopback for each in configuration.listen.tcp)
