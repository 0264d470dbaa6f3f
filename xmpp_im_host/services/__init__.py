"""The services of the server: they answer the IQs that the core delegates to its host."""

from __future__ import annotations

from xmpp_im_host.services.answering import Answering, served_namespaces
from xmpp_im_host.services.registration import Registration

__all__ = ["Answering", "Registration", "served_namespaces"]
