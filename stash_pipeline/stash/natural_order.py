"""Natural, case-insensitive ordering of names, as the server sorts titles, tags and paths.

The rules were measured on servers of v0.21 to v0.30 and on the ordering that they use, with random names.
"""

import re
from functools import cache, lru_cache

_DIGITS = re.compile(r"[0-9]+")
_CASED_BELOW = 0x1E944
"""No letter from here on has cases."""


@lru_cache(maxsize=100_000)
def natural_key(text: str) -> str:
    """A text whose plain binary order is the natural order of the given one ("Part 2" before "part 10").

    Letters count as the least of all that are equal but for their case: those of ASCII as capitals, so that "a_1"
    comes after "ab". Of equal numbers the one with fewer zeros in front comes first.
    """
    return _DIGITS.sub(_padded, _folded(text))


@lru_cache(maxsize=100_000)
def natural_key_of_v21(text: str) -> str:
    """The same for v0.21, in which numbers come before everything else."""
    return _DIGITS.sub(_padded_first, _folded(text))


def _padded(match: re.Match[str]) -> str:
    digits = match.group().lstrip("0")
    return f"0{chr(0x30 + len(digits))}{digits}{chr(0x30 + len(match.group()) - len(digits))}"


def _padded_first(match: re.Match[str]) -> str:
    return "\0" + _padded(match)[1:]


def _folded(text: str) -> str:
    return text.upper() if text.isascii() else text.translate(_least_letters())


@cache
def _least_letters() -> dict[int, str]:
    """The least letter of each that has others beside it, one for one: unlike in full case folding, ß stays ß."""
    alike: dict[str, list[str]] = {}
    for code in range(_CASED_BELOW):
        letter = chr(code)
        folded = next((form for form in (letter.casefold(), letter.lower()) if len(form) == 1), letter)
        if folded != letter or letter.upper() != letter:
            alike.setdefault(folded, []).append(letter)
    least = {ord(letter): min(letters) for letters in alike.values() for letter in letters}
    # neither has the other kind of i beside it
    return {
        **least,
        ord("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}"): "İ",
        ord("\N{LATIN SMALL LETTER DOTLESS I}"): "ı",
    }
