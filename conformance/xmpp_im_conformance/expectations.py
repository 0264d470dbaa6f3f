"""Reading an expected stanza: XML whose braces are checked before anything is run."""

from __future__ import annotations

from xmpp_im_conformance.markup import read_xml
from xmpp_im_conformance.matching import check_pattern
from xmpp_im_core.element import Element


def pattern(xml: str) -> Element:
    """Read an expectation.

    :raises BadXML: where it is not exactly one element.
    :raises BadPlaceholder: where something in braces is not of the format.
    """
    expected = read_xml(xml)
    check_pattern(expected)
    return expected
