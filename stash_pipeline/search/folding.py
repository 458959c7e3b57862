"""Makes tokens of texts: what the index stores, and what queries are compared with.

Every back end and the query language use these functions, so a text is found by whatever folds to the same tokens.

- Case, diacritics, and the strokes and ligatures of ł ø đ ß æ œ þ ı disappear. Widths and forms of Unicode, too.
- Everything that is no letter or digit separates words: blanks, underscores, dots, hyphens. Apostrophes vanish, so that
  ``don't`` is ``dont``.
- Digits after a letter begin a new token, letters after a digit do not: ``ABC-123``, ``abc123`` and ``abc 123`` are all
  ``abc`` ``123``; ``1080p`` and ``4k`` are whole.
- Scripts without blanks (Chinese, Japanese, Korean, Thai, …) become pairs of characters. The last character of a run
  also stands alone, so that a search for one character finds it anywhere, as the beginning of a token.
- Tokens are cut at ``LONGEST_TOKEN`` characters.
- A text without letters and digits is one token of its signs: ``!!!`` is a name, too.

No text is refused. NUL, lone surrogates and unassigned characters separate words.
"""

import re
import unicodedata
from itertools import pairwise
from typing import Final

FOLDING_VERSION: Final = 1
"""Of the rules of this module; an index that was made with others must be rebuilt."""

LONGEST_TOKEN: Final = 48

_APOSTROPHES: Final = "'`´‘’‛ʹʻʼʽˈ′＇"

_LETTERS: Final = {
    "ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n",
    "ĸ": "k", "ə": "e", "ƀ": "b", "ɓ": "b", "ȼ": "c", "ƈ": "c", "ɖ": "d", "ɗ": "d", "ǥ": "g", "ɠ": "g", "ɨ": "i",
    "ɉ": "j", "ƙ": "k", "ƚ": "l", "ɫ": "l", "ɲ": "n", "ɵ": "o", "ɔ": "o", "ƥ": "p", "ɍ": "r", "ƭ": "t", "ʉ": "u",
    "ʋ": "v", "ɏ": "y", "ƴ": "y", "ƶ": "z",
}  # fmt: skip
"""Letters that Unicode does not decompose."""

_SIGNS: Final = "™®©℠ªº"
"""Would become letters, which are no part of the word before them."""

_VOICED: Final = "\u3099\u309a"
"""The marks that distinguish か and が, which are different letters to readers of Japanese."""

_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035\u303b\u3040-\u30ff\u3100-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\u1100-\u11ff\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Characters of scripts that do not separate words by blanks."""

_PIECES: Final = re.compile(rf"[{_UNSPACED}]+|\d+[^\d\s{_UNSPACED}]*|[^\d\s{_UNSPACED}]+")
"""The parts of a folded text that become tokens."""
_UNSPACED_START: Final = re.compile(f"[{_UNSPACED}]")
_CODE: Final = re.compile(r"(?<=[a-z])(?=[0-9])")
_HAS_CODE: Final = re.compile(r"[a-z][0-9]")


class _Characters(dict[int, str]):
    """What each character is folded to, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _folded_character(chr(code))
        return folded


def _folded_character(character: str) -> str:
    if character in _APOSTROPHES:
        return ""
    if character in _SIGNS:
        return " "
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    folded = ""
    for part in decomposed:
        category = unicodedata.category(part)
        if category[0] == "L":
            folded += _LETTERS.get(part, part)
        elif category == "Nd":
            folded += str(unicodedata.decimal(part))
        elif category[0] == "N":
            folded += part
        elif category[0] == "M":
            # vowels of Indic scripts have no class; selectors of variants neither
            selects = "\ufe00" <= part <= "\ufe0f" or "\U000e0100" <= part <= "\U000e01ef"
            folded += part if part in _VOICED or not (selects or unicodedata.combining(part)) else ""
        elif category != "Cf":
            folded += " "
    return unicodedata.normalize("NFC", folded)


_characters: Final = _Characters()
_ASCII: Final = {code: _folded_character(chr(code)) for code in range(128)}


def _words(text: str) -> list[str]:
    """The words of a text, folded, with codes split; scripts without blanks are in one piece."""
    if text.isascii():
        folded = text.translate(_ASCII)
        if _HAS_CODE.search(folded):
            folded = _CODE.sub(" ", folded)
        return folded.split()
    return _PIECES.findall(_folded(text))


def _folded(text: str) -> str:
    """A text with every character folded, words not yet split."""
    # file names of macOS are decomposed, and a vanished sign can bring together characters that compose
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).translate(_characters))


def _signs(text: str) -> str:
    """The punctuation and symbols of a text that has nothing else."""
    return "".join(
        sign for sign in unicodedata.normalize("NFKD", text).casefold() if unicodedata.category(sign)[0] in "PS"
    )


def fold(text: str) -> str:
    """A text as it is compared: its folded words, one blank between them. Equal names fold to equal texts."""
    return " ".join(_words(text)) or _signs(text)


def has_words(text: str) -> bool:
    """Whether a text has letters or digits."""
    return bool(_words(text))


def tokens(text: str) -> list[str]:
    """The tokens of a text that is indexed, in order."""
    words = _words(text)
    if not text.isascii():
        words = [token for word in words for token in _tokens_of(word)]
    if len(text) > LONGEST_TOKEN:
        words = [word[:LONGEST_TOKEN] for word in words]
    return words or [signs[:LONGEST_TOKEN] for signs in (_signs(text),) if signs]


def query_tokens(text: str) -> list[str]:
    """The tokens to look for: those of :func:`tokens`, but a text in a script without blanks can go on."""
    result = tokens(text)
    if len(result) > 1 and len(result[-1]) == 1 and len(result[-2]) == 2 and _UNSPACED_START.match(result[-2]):
        alone, before = result[-1], result[-2]
        if before[1] == alone:
            return result[:-1]
    return result


def begins_pairs(token: str) -> bool:
    """Whether a token is one character of a script without blanks: in a query, it is the beginning of others."""
    return len(token) == 1 and bool(_UNSPACED_START.match(token))


def _tokens_of(word: str) -> list[str]:
    if _UNSPACED_START.match(word):
        return [word[place : place + 2] for place in range(len(word))]
    return [word]


def spans(text: str) -> list[tuple[str, int, int]]:
    """The tokens of :func:`tokens`, each with the part of the text that it stands for: ``text[start:end]``."""
    folded, origins = _with_origins(text)
    parts = [
        (token[:LONGEST_TOKEN], origins[start][0], origins[end - 1][1])
        for piece in _PIECES.finditer(folded)
        for token, start, end in _pieces_of(piece)
    ]
    if not parts and (signs := _signs(text)[:LONGEST_TOKEN]):
        places = [place for place, sign in enumerate(text) if _signs(sign)]
        parts = [(signs, places[0], places[-1] + 1)]
    return parts


def _pieces_of(piece: "re.Match[str]") -> list[tuple[str, int, int]]:
    start, word = piece.start(), piece.group()
    if _UNSPACED_START.match(word):
        return [(token, start + at, start + at + len(token)) for at, token in enumerate(_tokens_of(word))]
    return [(word, start, piece.end())]


def _with_origins(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The folded text, and of each of its characters the part of the text that it comes from."""
    folded: list[str] = []
    origins: list[tuple[int, int]] = []
    for start, end in _clusters(text):
        part = _folded(text[start:end])
        # after a sign between them has vanished, two characters may compose
        if folded and part and (composed := unicodedata.normalize("NFC", folded[-1] + part)) != folded[-1] + part:
            start, part = origins.pop()[0], composed
            folded.pop()
        folded += part
        origins += [(start, end)] * len(part)
    return "".join(folded), origins


def _clusters(text: str) -> list[tuple[int, int]]:
    """The places of the characters of a text, each with the marks that Unicode may compose it with."""
    starts = [place for place, character in enumerate(text) if not place or unicodedata.category(character)[0] != "M"]
    return list(pairwise([*starts, len(text)]))
