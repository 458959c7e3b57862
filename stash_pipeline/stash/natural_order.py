"""Natural, case-insensitive ordering of names, as the server sorts titles, tags and paths."""

import re
from functools import lru_cache

_DIGITS = re.compile(r"[0-9]+")


def _padded(match: re.Match[str]) -> str:
    digits = match.group().lstrip("0") or "0"
    return f"0{chr(0x30 + len(digits))}{digits}"


@lru_cache(maxsize=100_000)
def natural_key(text: str | None) -> str | None:
    """A text whose plain binary order is the natural order of the given one ("Part 2" before "part 10")."""
    if text is None:
        return None
    return _DIGITS.sub(_padded, str(text).casefold())
