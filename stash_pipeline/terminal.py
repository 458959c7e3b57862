"""Makes output work in terminals whose encoding lacks some characters."""

import codecs
import io
from typing import Any, Final

_HANDLER: Final = "stash_pipeline"

_ASCII: Final = {
    "→": "->", "…": "...", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "•": "*", "×": "x",
    "✓": "ok", "\N{NO-BREAK SPACE}": " ", "━": "-", "╸": "-", "╺": "-",
}  # fmt: skip
"""Characters in this program's output, and their replacements."""


def _replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in text), error.end


def accept_any_text(*streams: Any) -> None:
    """Makes streams accept any text: characters that their encoding lacks become ASCII, ``\\xeb`` if necessary."""
    codecs.register_error(_HANDLER, _replacement)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
