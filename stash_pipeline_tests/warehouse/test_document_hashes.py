"""A document read back from JSONB has the hash that it was stored with, and no other document has."""

import math
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import given, settings

from stash_pipeline.stash.documents import finish
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.raw.document_hashes import has_hash
from stash_pipeline_tests.examples import examples

numbers = (
    st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, -0.0, 1e16, 1.2345678901234568e17, 2.0**63, 1e22, 5e-324, 1e-5, 10**16, 2**64])
)
texts = st.text(st.characters(exclude_categories=()))
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def server(postgres: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection; nothing is written."""
    with connect(postgres) as connection:
        yield connection


def stored(connection: psycopg.Connection[Any], text: bytes) -> bytes:
    row = connection.execute("SELECT %s::jsonb::text", [text.decode()]).fetchone()
    assert row is not None
    return str(row[0]).encode()


@settings(max_examples=examples(400), deadline=None)
@given(value=values)
def test_a_document_keeps_its_hash_in_jsonb(server: psycopg.Connection[Any], value: Any) -> None:
    document = finish({"id": 1, "value": value}, 1)
    assert has_hash(stored(server, document.json), document.hash)


@settings(max_examples=examples(200), deadline=None)
@given(value=values, other=values)
def test_another_document_has_another_hash(server: psycopg.Connection[Any], value: Any, other: Any) -> None:
    document, changed = finish({"id": 1, "value": value}, 1), finish({"id": 1, "value": other}, 1)
    text, other_text = stored(server, document.json), stored(server, changed.json)
    assert has_hash(other_text, document.hash) == (text == other_text)


def test_a_float_that_jsonb_spells_as_an_integer_is_recognised() -> None:
    document = finish({"id": 1, "large": 1e16, "exact": 10**17, "zero": -0.0, "tiny": math.ulp(0.0)}, 1)
    text = b'{"id": 1, "tiny": 5e-324, "zero": 0.0, "exact": 100000000000000000, "large": 10000000000000000}'
    assert has_hash(text, document.hash)
    assert not has_hash(text.replace(b"10000000000000000}", b"10000000000000001}"), document.hash)
