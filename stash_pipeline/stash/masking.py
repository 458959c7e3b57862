"""Masks secrets in foreign texts before they are shown, truncated or stored: a proxy may echo a request.

A secret is recognised in plain text and in common encodings, ignoring case: base64 at its three alignments, hex,
percent-encoding, escaped for JSON or HTML.
"""

import base64
import html
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

MASK: Final = b"***"

_SHORTEST_BASE64: Final = 8
"""With fewer base64 characters, a match is likely to be a coincidence."""

IN_DOCUMENTS: Final = 16
"""Minimum characters of a secret that is masked in documents: a shorter one may be a word of the library."""

# a letter, digit, dot, dash, underscore or slash, which need no escape in JSON
_ESCAPED: Final = re.compile(rb"\\(?:u00(2[bd-f]|3[\dd]|[46][1-9a-f]|[57][0-9a]|5f)|(/)|.)", re.IGNORECASE | re.DOTALL)


def _forms(secret: str) -> Iterable[bytes]:
    """The secret in plain text and the invariant part of each of its encodings, in lower case."""
    plain = secret.encode()
    forms = [plain, plain.hex().encode()]
    for offset in range(3):
        shifted = b"\0" * offset + plain
        whole = len(shifted) // 3 * 3
        # the first group also encodes preceding bytes, and the last group may encode following bytes
        encoded = base64.b64encode(shifted[:whole])[4 if offset else 0 :]
        if len(encoded) >= _SHORTEST_BASE64:
            forms += [encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))]
    texts = [secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret)]
    # JSON escapes quotes and backslashes in each of them
    texts += [json.dumps(text)[1:-1] for text in texts]
    forms += [text.encode() for text in texts]
    forms.append("".join(f"%{byte:02x}" for byte in plain).encode())
    return dict.fromkeys(form.lower() for form in forms)


class Mask:
    """Masks secrets.

    Args:
        secrets: empty ones are ignored. in_documents: the secrets that are masked in documents too.
    """

    def __init__(self, secrets: Iterable[str | None], in_documents: Iterable[str | None] = ()) -> None:
        forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)
        needles = {form for secret in in_documents if secret for form in _forms(secret)}
        # a form that contains another form is found by the other one
        self._needles = tuple(form for form in needles if not any(other in form for other in needles if other != form))
        self._pattern = re.compile(b"|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None

    def raw(self, data: bytes) -> bytes:
        """``data`` with all secrets masked."""
        return self._pattern.sub(MASK, data) if self._pattern else data

    def text(self, text: str) -> str:
        """``text`` with all secrets masked."""
        if self._pattern is None:
            return text
        return self.raw(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def answer(self, body: bytes) -> bytes:
        """The JSON text of a response, with the secrets masked that are masked in documents.

        The search costs a small part of the decoding. The replacement is expensive, but rare.
        """
        if not self._needles:
            return body
        # the first test is cheap, and usually false
        if b"\\" in body and b"\\u00" in body:
            body = _ESCAPED.sub(_unescaped, body)
        small = body.lower()
        return self.raw(body) if any(needle in small for needle in self._needles) else body


def _unescaped(match: re.Match[bytes]) -> bytes:
    """``\\u0041`` → ``A``: it could hide half a key. All other escapes stay."""
    if match[1]:
        return bytes([int(match[1], 16)])
    return match[2] or match[0]


@lru_cache(maxsize=64)
def _mask(secret: str) -> Mask:
    return Mask([secret])


def masked(text: str, key: str | None) -> str:
    """``text`` with the key masked."""
    return _mask(key).text(text) if key else text
