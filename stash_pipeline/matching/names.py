"""Names of performers, studios, tags and groups, in the form in which they are compared.

Letters of every script are kept. Accents are dropped where people leave them out when they type: in Latin, Greek and
Cyrillic writing. In other scripts marks are letters.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import lru_cache

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ß": "ss"}
)
_APOSTROPHES = re.compile("['\u2018\u2019\u201b\u02bc\u02b9\u2032\u00b4`]")
_INITIAL = re.compile(r"(?<![^\W_])([^\W\d_])\.(?=[^\W\d_]\b)")
_BRACKETS = re.compile(
    r"^(?P<name>.*\S)\s*[(\[\uff08\u3010](?P<note>[^()\[\]\uff08\uff09\u3010\u3011]+)[)\]\uff09\u3011]\s*$", re.S
)
_PART = re.compile(
    r"(?P<base>.*?\S)\s+(?:(?:part|pt|vol|volume|episode|ep|scene|disc|cd|no)\s+(?:(?P<roman>[ivx]{1,5})|(?=[0-9])))?"
    r"(?P<number>(?(roman)|[0-9]{1,3}))"
)
_DIGITS = 3
_SHORT_I = ("\u0438", "\u0306")  # й is a letter, not an accented и


_ASCII = {code: " " for code in range(128) if not chr(code).isalnum()} | {ord("'"): None, ord("`"): None}


@lru_cache(maxsize=50_000)
def normalise_name(name: str) -> str:
    """Lower case, without accents and punctuation, words separated by one space.

    A name of punctuation alone is kept as it is, so that only a blank name becomes empty.
    """
    if name.isascii() and "." not in name:
        # the same, without a look at each letter
        lower = name.lower()
        return " ".join(lower.translate(_ASCII).split()) or " ".join(lower.split())
    normalised = _pass(name)
    while (again := _pass(normalised)) != normalised:  # case folding may make new compatibility characters
        normalised = again
    return normalised


def _pass(name: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    text = _APOSTROPHES.sub("", _without_accents(folded).translate(_LETTERS))
    text = _INITIAL.sub(r"\1", text)
    words = "".join(character if unicodedata.category(character)[0] in "LNM" else " " for character in text).split()
    # a mark that stands alone after the loss of its letter is no word
    return " ".join(words) or " ".join(folded.split())


def _without_accents(text: str) -> str:
    characters: list[str] = []
    for character in unicodedata.normalize("NFD", text):
        accent = "\u0300" <= character <= "\u036f"
        if not accent or (characters and (characters[-1], character) == _SHORT_I):
            characters.append(character)
    return unicodedata.normalize("NFC", "".join(characters))


def split_disambiguation(name: str) -> tuple[str, str]:
    """A name and what stands in brackets behind it: ``Anna Bright (2)`` is ``Anna Bright`` and ``2``."""
    match = _BRACKETS.match(name)
    return (match["name"].strip(), match["note"].strip()) if match else (name.strip(), "")


def name_keys(name: str, aliases: Iterable[str] = ()) -> frozenset[str]:
    """All names of an object, as they are compared; brackets left out."""
    keys = {normalise_name(split_disambiguation(spelling)[0]) for spelling in (name, *aliases)}
    return frozenset(keys - {""})


_SHORTEST, _LONGEST = 5, 100
"""Names of which one can say that they differ in a letter."""


def one_typo(left: str, right: str) -> bool:
    """Whether one letter was added, left out, replaced, or swapped with its neighbour, in names of some length."""
    if left == right or abs(len(left) - len(right)) > 1:
        return False
    if min(len(left), len(right)) < _SHORTEST or max(len(left), len(right)) > _LONGEST:
        return False
    if len(left) > len(right):
        left, right = right, left
    start = 0
    while start < len(left) and left[start] == right[start]:
        start += 1
    if len(left) < len(right):
        return left[start:] == right[start + 1 :]
    swapped = left[start : start + 2] == right[start : start + 2][::-1]
    return left[start + 1 :] == right[start + 1 :] or (swapped and left[start + 2 :] == right[start + 2 :])


_FEW_PAIRS = 100


def first_typo(left: Collection[str], right: Collection[str]) -> tuple[str, str] | None:
    """The first two names, in order, that differ by :func:`one_typo`."""
    if len(left) * len(right) <= _FEW_PAIRS:
        pairs = ((a, b) for a in left for b in right)
        return min((pair for pair in pairs if one_typo(*pair)), default=None)
    # two such names are equal without a letter of one or of each
    without = defaultdict(list)
    for name in right:
        for key in _without_a_letter(name):
            without[key].append(name)
    candidates = ((a, b) for a in left for key in _without_a_letter(a) for b in without.get(key, ()))
    return min((pair for pair in candidates if one_typo(*pair)), default=None)


def _without_a_letter(name: str) -> set[str]:
    if not _SHORTEST <= len(name) <= _LONGEST:
        return set()
    return {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}


_INDEPENDENT = 10


def independent_names(names: Iterable[str]) -> list[str]:
    """Normalised names, none of which abbreviates another: ``anna`` and ``anna b`` add nothing to ``anna bright``.

    The longest; not more than ten, since two prove as much.
    """
    kept: list[str] = []
    for name in sorted(names, key=lambda name: (-len(name), name)):
        if not any(_abbreviates(name, longer) for longer in kept):
            kept.append(name)
            if len(kept) == _INDEPENDENT:
                break
    return kept


def _abbreviates(short: str, name: str) -> bool:
    """Whether each word of the short name begins one of the other's, in any order."""
    words = name.split()
    for part in sorted(short.split(), key=len, reverse=True):
        match = next((word for word in words if word.startswith(part)), None)
        if match is None:
            return False
        words.remove(match)
    return True


def series_part(title: str) -> tuple[str, int] | None:
    """A normalised title without its number, and the number: ``night train vol 2`` is ``night train`` and 2."""
    last = (title.rsplit(None, 1) or [""])[-1]
    if last.strip("ivx") and not (len(last) <= _DIGITS and last.isdecimal()):
        # most titles end with neither; the expression below would look at every letter
        return None
    match = _PART.fullmatch(title)
    if not match:
        return None
    text = match["number"] or match["roman"]
    return match["base"], int(text) if text.isdecimal() else _roman(text)


def _roman(text: str) -> int:
    values = [{"i": 1, "v": 5, "x": 10}[letter] for letter in text]
    return sum(
        -value if value < following else value for value, following in zip(values, [*values[1:], 0], strict=True)
    )


def parts_differ(left: str, right: str) -> bool:
    """Whether two normalised titles are different parts of one series."""
    if left == right:
        return False
    left_part, right_part = series_part(left), series_part(right)
    return bool(left_part and right_part and left_part[0] == right_part[0] and left_part[1] != right_part[1])
