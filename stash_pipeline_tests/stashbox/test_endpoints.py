"""Endpoints: all spellings of one are the same."""

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.stashbox.endpoints import (
    KNOWN_BOXES,
    dialect_of,
    endpoint_key,
    endpoint_key_sql,
    endpoint_url,
    known_box,
    known_endpoint,
    web_url,
)
from stash_pipeline.warehouse.connect import connect

SPELLINGS = [
    "https://stashdb.org/graphql",
    "https://StashDB.org/graphql",
    "HTTPS://STASHDB.ORG/GraphQL",
    "https://stashdb.org/graphql/",
    "https://stashdb.org/graphql//",
    " https://stashdb.org/graphql ",
    "https://stashdb.org:443/graphql",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_all_spellings_in_stash_ids_have_one_key(text: str) -> None:
    assert endpoint_key(text) == "https://stashdb.org/graphql"
    box = known_endpoint(text)
    assert box is not None and box.name == "StashDB"
    assert endpoint_key(endpoint_url(text)) == endpoint_key(text)


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://stashdb.org", "https://stashdb.org/graphql"),
        ("https://StashDB.org/", "https://stashdb.org/graphql"),
        ("http://127.0.0.1:9998/graphql", "http://127.0.0.1:9998/graphql"),
        ("http://box.example:80/Base/graphql/", "http://box.example/Base/graphql"),
        ("https://[::1]:8443", "https://[::1]:8443/graphql"),
    ],
)
def test_an_endpoint_is_normalised(typed: str, url: str) -> None:
    assert endpoint_url(typed) == url
    assert endpoint_url(url) == url


@pytest.mark.parametrize(
    "text",
    [
        "", "stashdb.org", "ftp://stashdb.org", "https://", "https://me:secret-9@stashdb.org/graphql",
        "https://stashdb.org/graphql?apikey=secret-9", "https://stashdb.org/graphql#secret-9", "https://a b/graphql",
        "https://stashdb.org:port/secret-9",
    ],
)  # fmt: skip
def test_an_invalid_endpoint_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UserError) as refused:
        endpoint_url(text)
    assert "secret-9" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "not a url", "https://", "https://stashdb.org:port", "\x00", "https://x/é"])
def test_any_text_in_stash_ids_has_a_key(text: str) -> None:
    assert endpoint_key(text) == endpoint_key(endpoint_key(text))


def test_sql_and_python_agree_on_the_key(database_url: str) -> None:
    texts = [
        *SPELLINGS, "", "http://a:80", "http://a:80/graphql", "https://a:80/graphql", "https://a:4430/graphql",
        "http://a:443/graphql/", "https://a/b:443/graphql", "  HTTP://a:80/ ", "https://[::1]:443/graphql",
    ]  # fmt: skip
    with connect(database_url) as connection:
        rows = connection.execute(
            f"SELECT e, {endpoint_key_sql('e')} FROM unnest(%s::text[]) AS t(e)", [texts]
        ).fetchall()
    assert [(text, endpoint_key(text)) for text in texts] == rows


def test_public_boxes_are_known_by_name_and_address() -> None:
    assert [box.name for box in KNOWN_BOXES] == ["StashDB", "FansDB", "PMVStash", "JAVStash", "ThePornDB"]
    assert all(endpoint_url(box.url) == box.url == endpoint_key(box.url) for box in KNOWN_BOXES)
    box = known_box("pmv stash")
    assert box is not None and box.url == "https://pmvstash.org/graphql"
    assert known_box("home") is None
    assert dialect_of("https://THEPORNDB.net/graphql/") == "theporndb"
    assert dialect_of("https://box.example/graphql") == "stash-box"


def test_web_pages_are_beside_the_endpoint() -> None:
    assert web_url("https://stashdb.org/graphql", "performers", "abc") == "https://stashdb.org/performers/abc"
    assert web_url("https://box.example/base/graphql", "tags", "abc") == "https://box.example/base/tags/abc"
