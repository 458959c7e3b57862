"""What a terminal can show: output never fails for a character that it lacks."""

import codecs
import io
from typing import Any, Final

_HANDLER: Final = "stash_pipeline"

_ASCII: Final = {
    "→": "->", "…": "...", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "•": "*", "×": "x",
    "✓": "ok", "\N{NO-BREAK SPACE}": " ", "━": "-", "╸": "-", "╺": "-",
}  # fmt: skip
"""Signs of this program's own output, and what stands for them."""


def _replacement(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in text), error.end


def accept_any_text(*streams: Any) -> None:
    """Makes streams take any text: what their encoding lacks is written in ASCII, as ``\\xeb`` if need be."""
    codecs.register_error(_HANDLER, _replacement)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
