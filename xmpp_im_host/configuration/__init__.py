"""The configuration: records whose values are checked, read from a TOML file and from flags of the command."""

from __future__ import annotations

from xmpp_im_host.configuration.reading import BadConfiguration, read_configuration, read_file
from xmpp_im_host.configuration.settings import Certificate, Configuration, Limits, Listen, NodeSettings
from xmpp_im_host.configuration.values import Endpoint, is_loopback

__all__ = [
    "BadConfiguration",
    "Certificate",
    "Configuration",
    "Endpoint",
    "Limits",
    "Listen",
    "NodeSettings",
    "is_loopback",
    "read_configuration",
    "read_file",
]
