"""The stream errors that the other side sends."""

from __future__ import annotations

from xmpp_im_core.codec import STREAM_ERRORS, STREAMS
from xmpp_im_core.element import Element


def is_stream_error(root: Element) -> bool:
    """Whether this first-level element is a stream error (RFC 6120 §4.9)."""
    return (root.namespace, root.name) == (STREAMS, "error")


def error_condition(error: Element) -> str:
    """Return the condition of a stream error (RFC 6120 §4.9.2)."""
    for child in error.elements:
        if child.namespace == STREAM_ERRORS and child.name != "text":
            return child.name
    return "undefined-condition"
