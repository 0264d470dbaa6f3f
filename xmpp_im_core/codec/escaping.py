"""Escape text and the values of attributes.

Most texts need no escape, and one test of a text shows that.
"""

from __future__ import annotations

import re
from typing import Final

# The characters outside of the production Char of XML 1.0: [\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff].
_NO_CHARACTER: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape_value(text: str) -> str:
    """Escape the value of an attribute. Tabs and line ends are escaped because a parser turns them into spaces."""
    if text.isprintable():
        if "&" not in text and "<" not in text and '"' not in text:
            return text
        return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    text = _NO_CHARACTER.sub("\ufffd", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("\t", "&#9;").replace("\n", "&#10;").replace("\r", "&#13;")


def escape_text(text: str) -> str:
    """Escape character data: '>' because of ']]>', and '\\r' because a parser turns it into '\\n'."""
    if text.isprintable():
        if "&" not in text and "<" not in text and ">" not in text:
            return text
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _NO_CHARACTER.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
