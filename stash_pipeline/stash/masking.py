"""Takes secrets out of what others said before any of it is shown, cut or kept: a proxy may echo a request.

A secret is looked for in clear and in the forms that programs write things in: base64 at its three alignments,
hex, percent-encoded, escaped for JSON or HTML; in capitals and small letters alike.
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
"""Characters of base64 below which a match may well be chance."""

IN_DOCUMENTS: Final = 16
"""Characters of the shortest secret that is taken out of documents: a short one may be a word of the library."""

# a letter, digit, dot, dash, underscore or slash that no encoder of JSON needs to escape
_ESCAPED: Final = re.compile(rb"\\(?:u00(2[bd-f]|3[\dd]|[46][1-9a-f]|[57][0-9a]|5f)|(/)|.)", re.IGNORECASE | re.DOTALL)


def _forms(secret: str) -> Iterable[bytes]:
    """The secret in clear, and what is the same in every text that holds it in another form, in small letters."""
    plain = secret.encode()
    found = [plain, plain.hex().encode()]
    for offset in range(3):
        shifted = b"\0" * offset + plain
        whole = len(shifted) // 3 * 3
        # the first group also holds the neighbour before, and the last one may hold the one behind
        encoded = base64.b64encode(shifted[:whole])[4 if offset else 0 :]
        if len(encoded) >= _SHORTEST_BASE64:
            found += [encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))]
    texts = [secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret)]
    # JSON escapes quotes and backslashes in any of them
    texts += [json.dumps(text)[1:-1] for text in texts]
    found += [text.encode() for text in texts]
    found.append("".join(f"%{byte:02x}" for byte in plain).encode())
    return dict.fromkeys(form.lower() for form in found)


class Mask:
    """Masks some secrets.

    Args:
        secrets: the empty ones count for nothing. in_documents: those of them that are taken out of documents too.
    """

    def __init__(self, secrets: Iterable[str | None], in_documents: Iterable[str | None] = ()) -> None:
        forms = sorted({form for secret in secrets if secret for form in _forms(secret)}, key=len, reverse=True)
        kept = {form for secret in in_documents if secret for form in _forms(secret)}
        # a form that holds another one is found by that
        self._needles = tuple(form for form in kept if not any(other in form for other in kept if other != form))
        self._pattern = re.compile(b"|".join(map(re.escape, forms)), re.IGNORECASE) if forms else None

    def raw(self, data: bytes) -> bytes:
        """``data`` without the secrets."""
        return self._pattern.sub(MASK, data) if self._pattern else data

    def text(self, text: str) -> str:
        """``text`` without the secrets."""
        if self._pattern is None:
            return text
        return self.raw(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def answer(self, body: bytes) -> bytes:
        """The JSON text of an answer without the secrets that are taken out of documents.

        To look for them costs a small part of decoding the text; to replace is dear, and rare.
        """
        if not self._needles:
            return body
        # the first of them is quick, and mostly says no
        if b"\\" in body and b"\\u00" in body:
            body = _ESCAPED.sub(_unescaped, body)
        small = body.lower()
        return self.raw(body) if any(needle in small for needle in self._needles) else body


def _unescaped(match: re.Match[bytes]) -> bytes:
    """``\\u0041`` → ``A``: half a key could hide so; all other escapes stay."""
    if match[1]:
        return bytes([int(match[1], 16)])
    return match[2] or match[0]


@lru_cache(maxsize=64)
def _mask(secret: str) -> Mask:
    return Mask([secret])


def masked_bytes(data: bytes, key: str | None) -> bytes:
    """``data`` without the key."""
    return _mask(key).raw(data) if key else data


def masked(text: str, key: str | None) -> str:
    """``text`` without the key."""
    return _mask(key).text(text) if key else text
