"""Takes an API key out of what others said before any of it is shown, cut or kept: a proxy may echo a request."""

import base64
from functools import lru_cache

MASK = b"***"

_SHORTEST = 8
"""Characters of base64 below which a match may well be chance."""


@lru_cache(maxsize=64)
def _forms(key: str) -> tuple[bytes, ...]:
    """The key in clear, and what is the same in every base64 text that holds it, at each of three alignments."""
    plain = key.encode()
    found = [plain]
    for offset in range(3):
        shifted = b"\0" * offset + plain
        whole = len(shifted) // 3 * 3
        # the first group also holds the neighbour before, and the last one may hold the one behind
        encoded = base64.b64encode(shifted[:whole])[4 if offset else 0 :]
        if len(encoded) >= _SHORTEST:
            found += [encoded, encoded.translate(bytes.maketrans(b"+/", b"-_"))]
    return tuple(dict.fromkeys(found))


def masked_bytes(data: bytes, key: str | None) -> bytes:
    """``data`` without the key."""
    if key:
        for form in _forms(key):
            data = data.replace(form, MASK)
    return data


def masked(text: str, key: str | None) -> str:
    """``text`` without the key."""
    return masked_bytes(text.encode("utf-8", "surrogatepass"), key).decode("utf-8", "surrogatepass") if key else text
