"""Values as they are written in the index and in filters: lower-case letters and digits only.

Typesense splits, folds and drops other characters of a string before it compares it, and its filter syntax has no
escape for the character that quotes. A code has nothing to split, fold or escape, so hostile texts stay data.
"""

import re
from typing import Final

import xxhash

_PLAIN: Final = re.compile(r"[a-y0-9]+\Z")
_ESCAPE: Final = re.compile(r"z(?:([0-9a-f]{2})|x([0-9a-f]{6}))")
_LONGEST: Final = 96
"""Typesense cuts tokens at 100 characters."""

NOTHING: Final = "znothing"
"""Is the code of no value."""


def code(text: str) -> str:
    """The code of a text. Two texts have the same one only if they are equal (or long, and share 64 bits of hash)."""
    escaped = text if _PLAIN.match(text) else "".join(map(_escaped, text)) or "zempty"
    return escaped if len(escaped) <= _LONGEST else "zh" + xxhash.xxh64_hexdigest(text.encode("utf-8", "surrogatepass"))


def _escaped(character: str) -> str:
    if _PLAIN.match(character):
        return character
    return f"z{ord(character):02x}" if ord(character) < 256 else f"zx{ord(character):06x}"


def decoded(value: str) -> str:
    """The text of a code that is no hash."""
    return "" if value == "zempty" else _ESCAPE.sub(lambda match: chr(int(match[1] or match[2], 16)), value)


def gram(tokens: tuple[str, ...]) -> str:
    """The code of tokens next to each other."""
    return "zg" + xxhash.xxh64_hexdigest(" ".join(tokens).encode("utf-8", "surrogatepass"))


def beginning(prefix: str) -> str:
    """The code that stands for a token which begins with a short prefix and goes on."""
    return "zp" + code(prefix)
