"""Checks whether a stored document still has the hash that was computed when it was read from the server.

The hash is that of the canonical JSON (``stash/documents.py``). JSONB stores the values of a document, not its text:
Postgres writes ``1e+16`` as ``10000000000000000`` and ``-0.0`` as ``0.0``. A document with another hash therefore
counts as damaged only if no spelling that JSONB cannot distinguish has the stored hash.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson

_MOST_AMBIGUOUS = 8
"""The most numbers with two spellings whose combinations are all tried: 256 texts."""

_FIRST_EXPONENT = 10**16
"""From here on a float is spelled with an exponent, but JSONB returns it as an integer."""


def has_hash(document: bytes, digest: bytes) -> bool:
    """Whether a document returned by JSONB is the one that was hashed.

    Args:
        document: JSON text, UTF-8.
        digest: BLAKE2b, 16 bytes.
    """
    return plain_hash(document) == digest or any(_digest(text) == digest for text in _spellings(json.loads(document)))


def plain_hash(document: bytes) -> bytes:
    """The hash of a document returned by JSONB, in the default spelling.

    Args:
        document: JSON text, UTF-8.
    """
    return _digest(orjson.dumps(orjson.loads(document), option=orjson.OPT_SORT_KEYS))


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=16).digest()


def _spellings(value: Any) -> Iterator[bytes]:
    """The canonical texts that JSONB stores as this value, from both encoders of ``documents.finish``."""
    places = list(_ambiguous(value, ()))
    if len(places) > _MOST_AMBIGUOUS:
        # all or none, because the values of one document come from one source
        combinations: Iterator[tuple[bool, ...]] = iter([(False,) * len(places), (True,) * len(places)])
    else:
        combinations = itertools.product((False, True), repeat=len(places))
    for combination in combinations:
        spelled = value
        for (path, other), replaced in zip(places, combination, strict=True):
            if replaced:
                spelled = _replaced(spelled, path, other)
        # integers beyond 64 bits
        with suppress(TypeError):
            yield orjson.dumps(spelled, option=orjson.OPT_SORT_KEYS)
        text = json.dumps(spelled, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        yield text.encode("utf-8", "replace")


def _ambiguous(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], float]]:
    """(path, the other number) of every number that JSONB stores for two texts."""
    if isinstance(value, dict):
        for key, element in value.items():
            yield from _ambiguous(element, (*path, key))
    elif isinstance(value, list):
        for place, element in enumerate(value):
            yield from _ambiguous(element, (*path, place))
    elif type(value) is float and value == 0:
        yield path, -0.0
    elif type(value) is int and abs(value) >= _FIRST_EXPONENT:
        try:
            other = float(value)
        except OverflowError:
            return
        # JSONB stores the shortest decimal spelling of a float, not its exact value
        if _decimal(other) == value:
            yield path, other


def _decimal(value: float) -> int:
    """The integer that Postgres derives from the shortest spelling of a float."""
    digits, _, exponent = repr(value).partition("e")
    integer, _, fraction = digits.partition(".")
    shift = int(exponent or 0) - len(fraction)
    number = int(integer + fraction)
    return number * 10**shift if shift >= 0 else number // 10**-shift


def _replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    if not path:
        return other
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _replaced(value[path[0]], path[1:], other)
    return copied
