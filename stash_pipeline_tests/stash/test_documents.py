"""Documents: one canonical form of an object, independent of the server's order and spelling, without loss."""

import hashlib
import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash import documents
from stash_pipeline.stash.documents import Document, DocumentReader, relative_url
from stash_pipeline.stash.fingerprints import padded_phash
from stash_pipeline.stash.json_values import InvalidValueError, as_id, as_time, in_order_of_time
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema
from stash_pipeline_tests.examples import examples


def plans_of(release: str) -> dict[str, QueryPlan]:
    stash = SimulatedStash(Library.create(), release=release)
    return plan_library(ServerSchema(stash.execute(INTROSPECTION)["data"]))


PLANS = {release: plans_of(release) for release in ("v0.20.2", "v0.30.1")}


class Whole:
    """Reads objects of which a test gives only the relevant fields; other required lists are empty."""

    def __init__(self, release: str, kind: str) -> None:
        plan = PLANS[release][kind]
        self.reader = DocumentReader(plan)
        self.lists = {one.shape.path: list[Any]() for one in plan.fields if one.shape and one.shape.required}

    def read(self, value: dict[str, Any]) -> Document:
        return self.reader.read({**self.lists, **value})


SCENES = Whole("v0.30.1", "scenes")
PERFORMERS = Whole("v0.30.1", "performers")
FILES = Whole("v0.30.1", "files")

# --- objects as a server may send them ------------------------------------------------------------------

IDS = st.integers(0, 2**63 - 1).map(str)
REFERENCES = st.fixed_dictionaries({"id": IDS})
TEXTS = st.none() | st.text(max_size=20)
TIMES = st.datetimes(timezones=st.just(__import__("datetime").timezone.utc)).map(
    lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
)
SCENE = st.fixed_dictionaries(
    {
        "id": IDS,
        "title": TEXTS,
        "details": TEXTS,
        "date": st.none() | st.sampled_from(["2024", "2024-05", "2024-05-17", "x", ""]),
        "rating100": st.none() | st.integers(-(2**31), 2**31 - 1),
        "organized": st.booleans(),
        "play_duration": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "created_at": TIMES,
        "updated_at": TIMES,
        "studio": st.none() | REFERENCES,
        "tags": st.lists(REFERENCES, max_size=5),
        "performers": st.lists(REFERENCES, max_size=3),
        "files": st.lists(REFERENCES, max_size=3),
        "urls": st.lists(st.text(max_size=9), max_size=4),
        "groups": st.lists(
            st.fixed_dictionaries({"group": REFERENCES, "scene_index": st.none() | st.integers(-5, 5)}), max_size=3
        ),
        "stash_ids": st.lists(
            st.fixed_dictionaries(
                {"endpoint": st.text(max_size=5), "stash_id": st.text(max_size=5), "updated_at": TIMES}
            ),
            max_size=3,
            unique_by=lambda one: (one["endpoint"], one["stash_id"]),
        ),
        "play_history": st.lists(TIMES, max_size=4),
        "o_history": st.lists(TIMES, max_size=4),
        "captions": st.none()
        | st.lists(
            st.fixed_dictionaries({"language_code": st.text(max_size=2), "caption_type": st.text(max_size=3)}),
            max_size=3,
        ),
        "paths": st.fixed_dictionaries({"screenshot": st.just("http://h/scene/1/screenshot?t=1")}),
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
SETS = ("tags", "performers", "groups", "stash_ids", "play_history", "o_history", "captions")


def content(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(document.json)
    return found


@given(SCENE, st.randoms(use_true_random=False))
def test_the_order_of_sets_and_fields_does_not_matter(scene: dict[str, Any], rng: random.Random) -> None:
    shuffled = list(scene.items())
    rng.shuffle(shuffled)
    other = dict(shuffled)
    for name in SETS:
        if other[name]:
            other[name] = rng.sample(other[name], len(other[name]))
    if len({one["group"]["id"] for one in scene["groups"]}) < len(scene["groups"]):
        # the same group twice cannot come from a server, and one of them is dropped
        other["groups"] = scene["groups"]
    assert SCENES.read(other).hash == SCENES.read(scene).hash


@given(SCENE)
def test_a_document_is_sorted_and_compact_without_nulls_and_empty_values(scene: dict[str, Any]) -> None:
    document = SCENES.read(scene)
    found = content(document)
    assert not any(value is None or value == [] or value == {} for value in found.values())
    assert document.json == orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
    assert document.hash == hashlib.blake2b(document.json, digest_size=16).digest()
    assert document.id == found["id"] == int(scene["id"])
    assert (document.created_at, document.updated_at) == (scene["created_at"], scene["updated_at"])
    assert not document.unreadable
    for name in ("title", "details", "rating100", "organized"):
        wanted = scene[name]
        if isinstance(wanted, str):
            wanted = wanted.replace("\x00", "\ufffd")
        assert found.get(name) == wanted


@given(SCENE)
def test_urls_and_the_first_file_keep_their_position(scene: dict[str, Any]) -> None:
    found = content(SCENES.read(scene))
    assert found.get("urls", []) == [url.replace("\x00", "\ufffd") for url in scene["urls"]]
    files = [int(one["id"]) for one in scene["files"]]
    if files:
        assert found["files"][0] == files[0]
        assert sorted(found["files"]) == sorted(set(files))


@given(SCENE)
def test_null_and_empty_fields_equal_absent_fields(scene: dict[str, Any]) -> None:
    bare = {name: value for name, value in scene.items() if value not in (None, [])}
    assert SCENES.read(bare).hash == SCENES.read(scene).hash


@settings(max_examples=examples(150), deadline=None)
@given(
    SCENE,
    st.sampled_from(
        sorted(
            name
            for name in (
                "title",
                "rating100",
                "organized",
                "play_duration",
                "studio",
                "tags",
                "files",
                "urls",
                "groups",
                "stash_ids",
                "play_history",
                "captions",
                "paths",
                "created_at",
            )
        )
    ),
    JSON,
)
def test_an_arbitrary_value_loses_at_most_itself(scene: dict[str, Any], field: str, value: Any) -> None:
    spoiled = SCENES.read({**scene, field: value})
    if spoiled.broken:
        # no relation is empty for being wrong
        assert field not in ("title", "rating100", "paths", "created_at") and spoiled.broken.startswith(field)
        assert (spoiled.id, spoiled.json, spoiled.hash) == (int(scene["id"]), b"", b"")
        return
    found = content(spoiled)
    whole = content(SCENES.read(scene))
    mine = {f"{name}_path" for name in ("screenshot",)} if field == "paths" else {field}
    for name, kept in whole.items():
        if name not in mine:
            assert found.get(name) == kept, name
    for name in spoiled.unreadable:
        # of a list, what can be read stays
        assert name not in found or isinstance(found[name], list)
        assert found["unreadable"][name]
    # it can be stored: valid UTF-8 without NUL, nothing that JSONB refuses
    text = spoiled.json.decode("utf-8")
    assert "\\u0000" not in text.replace("\\\\", "")
    json.loads(text)


@given(JSON)
def test_json_values_are_kept_unchanged(value: Any) -> None:
    document = PERFORMERS.read({"id": "1", "name": "x", "custom_fields": {"k": value}})
    kept = content(document).get("custom_fields")
    text = json.dumps({"k": value})
    if "\\u0000" not in text:
        assert kept == json.loads(text)
    document.json.decode("utf-8")


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, 2**64 - 1, 2**64, 10**30, -(10**30)])
def test_huge_integers_in_json_values_are_kept(number: int) -> None:
    document = PERFORMERS.read({"id": "1", "custom_fields": {"n": number}})
    assert json.loads(document.json)["custom_fields"]["n"] == number
    reread = PERFORMERS.read({"id": "1", "custom_fields": json.loads(document.json)["custom_fields"]})
    assert reread.hash == document.hash


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\ud800", "x\udfffy", "\ud83d", "\\u0000", "\\\x00"])
def test_characters_that_jsonb_rejects_are_replaced_everywhere(text: str) -> None:
    document = PERFORMERS.read(
        {"id": "1", "name": text, "alias_list": [text], "custom_fields": {text: [text]}, "urls": [text]}
    )
    plain = document.json.decode("utf-8")
    parsed = json.loads(plain)
    for found in (parsed["name"], parsed["aliases"][0], parsed["urls"][0]):
        assert "\x00" not in found
        found.encode("utf-8")
    assert "\\ud8" not in plain.lower() and "\\udf" not in plain.lower()
    if any("\ud800" <= character <= "\udfff" for character in text):
        assert parsed["name"] == "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
    assert (parsed["name"] == text) == (text == "\\u0000")


def test_a_literal_backslash_u0000_is_not_a_nul() -> None:
    document = PERFORMERS.read({"id": "1", "name": "\\u0000", "details": "\x00"})
    assert content(document) == {"details": "\ufffd", "id": 1, "name": "\\u0000"}


def test_a_value_that_does_not_fit_its_column_is_kept_as_text() -> None:
    document = SCENES.read({"id": "1", "title": {"a": 1}, "rating100": "80"})
    assert set(document.unreadable) == {"title", "rating100"}
    assert set(content(document)["unreadable"]) == {"title", "rating100"}
    assert "80" in content(document)["unreadable"]["rating100"]


def test_an_element_loses_only_the_value_that_its_column_cannot_hold() -> None:
    groups = [
        {"group": {"id": "7"}, "scene_index": 2**53 + 1},
        {"group": {"id": "5"}, "scene_index": 3},
        {"group": {"id": "7"}, "scene_index": None},
    ]
    document = SCENES.read({"id": "1", "groups": groups})
    assert not document.broken
    assert content(document)["groups"] == [{"group_id": 5, "scene_index": 3}, {"group_id": 7}]
    assert str(2**53 + 1) in content(document)["unreadable"]["groups"]
    stash_ids = [{"endpoint": "e", "stash_id": "s", "updated_at": "2023-02-30T00:00:00Z"}]
    document = SCENES.read({"id": "1", "stash_ids": stash_ids})
    assert content(document)["stash_ids"] == [{"endpoint": "e", "stash_id": "s"}]
    assert document.unreadable == ("stash_ids",)


def test_integers_are_checked_against_the_bounds_of_their_column() -> None:
    for value, fits in (
        (2**31 - 1, True),
        (-(2**31), True),
        (2**31, False),
        (-(2**31) - 1, False),
        (80.0, True),
        (True, False),
    ):
        document = SCENES.read({"id": "1", "rating100": value})
        assert ("rating100" in content(document)) is fits, value
        assert bool(document.unreadable) is not fits
    for size, fits in ((2**63 - 1, True), (2**63, False)):
        assert ("size" in content(FILES.read({"id": "1", "size": size}))) is fits


def test_equal_floats_are_equal_documents() -> None:
    one = SCENES.read({"id": "1", "play_duration": 12, "resume_time": 0})
    assert one.hash == SCENES.read({"id": "1", "play_duration": 12.0, "resume_time": 0.0}).hash
    assert one.hash == SCENES.read({"id": "1", "play_duration": 12.0, "resume_time": -0.0}).hash


@pytest.mark.parametrize(
    "value", ["", "x", "-1", "1.0", " 1", "²", "１", None, True, 1.5, [], {}, str(2**63), -1, 2**63]
)
def test_an_object_without_a_usable_id_is_rejected(value: Any) -> None:
    with pytest.raises(InvalidValueError):
        SCENES.read({"id": value})


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_any_value_is_an_id_or_rejected(value: Any) -> None:
    try:
        number = as_id(value)
    except InvalidValueError:
        return
    assert 0 <= number < 2**63
    assert str(number) == str(value).lstrip("0") or number == 0


@pytest.mark.parametrize(
    "good",
    [
        "2024-01-31T00:00:00Z",
        "2024-02-29T23:59:59+14:00",
        "2024-01-01T00:00:00.123456789-12:00",
        "0001-01-01T00:00:00Z",
    ],
)
def test_times_keep_the_server_s_spelling(good: str) -> None:
    assert as_time(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "2023-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01",
        "",
        "2024-01-01T00:00:00",
        "2024-01-01T00:00:00+99:00",
        "2024-01-01T00:00:00+0100",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "２０２４-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
        " 2024-01-01T00:00:00Z",
        "2024-01-01T00:00:00z",
        None,
        5,
        ["x"],
    ],
)
def test_times_that_postgres_cannot_read_are_rejected(bad: Any) -> None:
    with pytest.raises(InvalidValueError):
        as_time(bad)


@pytest.mark.parametrize(
    "times",
    [
        ["2023-01-02T19:46:40+05:45", "2023-01-02T14:02:36Z", "2023-01-02T14:02:36.5Z", "2023-01-02T09:02:37-05:00"],
        ["0001-01-01T01:00:00+02:00", "0001-01-01T00:00:00Z", "0000-12-31T23:00:00-02:00", "9999-12-31T23:59:59Z"],
        ["2024-02-29T23:30:00-01:00", "2024-03-01T00:31:00Z"],
        ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"],
    ],
)
def test_times_are_sorted_chronologically(times: list[str]) -> None:
    assert in_order_of_time(sorted(times)) == in_order_of_time(times[::-1]) == times


# --- urls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("http://127.0.0.1:9999/scene/1/screenshot?t=1795203722", "/scene/1/screenshot"),
        ("http://127.0.0.1:9999/scene/1/screenshot?1729927267", "/scene/1/screenshot"),
        ("https://h/performer/1/image?t=1&default=true", "/performer/1/image?default=true"),
        ("http://h/studio/5/image?1734042907?default=true", "/studio/5/image?default=true"),
        ("http://h/studio/5/image?default=true", "/studio/5/image?default=true"),
        ("http://h/scene/1/stream?apikey=secret", "/scene/1/stream"),
        ("http://[::1]:9999/a/b", "/a/b"),
        ("/scene/1/screenshot?t=1", "/scene/1/screenshot"),
        ("http://h", "/"),
        ("", ""),
        ("http://h/scene/ab_thumbs.vtt", "/scene/ab_thumbs.vtt"),
    ],
)
def test_only_the_path_of_a_url_is_kept(url: str, path: str) -> None:
    assert relative_url(url) == path
    assert relative_url(path) == path


def test_the_base_path_of_a_server_is_removed_from_urls() -> None:
    assert relative_url("http://h/media/stash/scene/1/x?t=1", "/media/stash") == "/scene/1/x"
    assert relative_url("http://h/media/stashed/scene/1", "/media/stash") == "/media/stashed/scene/1"
    assert relative_url("http://h/scene/1", "/media/stash") == "/scene/1"


ROUTES = (
    "/scene/1/screenshot", "/scene/12/scene_marker/3/preview", "/scene/0123456789abcdef_thumbs.vtt",
    "/scene/_sprite.jpg", "/scene/7/interactive_heatmap", "/performer/1/image", "/studio/2/image", "/tag/3/image",
    "/group/4/frontimage", "/movie/4/backimage", "/image/5/thumbnail", "/gallery/6/cover",
)  # fmt: skip
BASES = (
    "http://127.0.0.1:9999", "https://media.example.org", "https://media.example.org/", "media.example.org",
    "media.example.org:9999/stash", "https://media.example.org/apps/stash", "https://media.example.org/apps/stash/",
    "https://media.example.org/scene", "https://media.example.org/scene/1", "https://media.example.org/image/7/",
    "https://media.example.org/scene/1/scene_marker", "https://media.example.org/scene/1/scene_marker/2", "",
)  # fmt: skip


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("route", ROUTES)
def test_a_url_is_kept_from_the_server_s_route_on(base: str, route: str) -> None:
    assert relative_url(f"{base}{route}?t=1795203722") == route
    assert relative_url(f"{base}{route}?t=1795203722&default=true") == f"{route}?default=true"
    assert relative_url(f"{base}{route}?t=1", "/apps/stash") == route


@given(st.sampled_from(ROUTES), st.lists(st.sampled_from(BASES), min_size=2, max_size=9))
def test_the_optimised_url_reader_equals_the_simple_one(route: str, bases: list[str]) -> None:
    # the setting may be changed while a library is read
    read = documents._path_reader("")
    assert [read(f"{base}{route}?t=5") for base in bases] == [route] * len(bases)


@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z0-9.]{1,9}(:[0-9]{1,5})?", fullmatch=True),
    st.lists(st.from_regex(r"[a-zA-Z0-9_.]{1,6}", fullmatch=True), min_size=1, max_size=4),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_host_and_cache_buster_never_matter(
    scheme: str, host: str, parts: list[str], default: bool, stamp: int
) -> None:
    path = "/" + "/".join(parts)
    tail = "default=true" if default else ""
    wanted = path + ("?default=true" if default else "")
    for query in (f"?t={stamp}&{tail}", f"?{stamp}?{tail}", f"?{tail}", f"?apikey=abc&{tail}"):
        assert relative_url(f"{scheme}://{host}{path}{query.rstrip('?&')}") == wanted


# --- phashes, old spellings -----------------------------------------------------------------------------


@given(st.integers(0, 2**64 - 1))
def test_phashes_are_padded_and_lower_case(value: int) -> None:
    assert padded_phash(f"{value:x}") == f"{value:016x}" == padded_phash(f"{value:016X}")


@given(
    st.lists(
        st.tuples(st.sampled_from(["phash", "oshash", "md5"]), st.from_regex("[0-9a-f]{1,16}", fullmatch=True)),
        max_size=5,
    )
)
def test_fingerprints_are_unordered_and_unique(found: list[tuple[str, str]]) -> None:
    entries = [{"type": kind, "value": value} for kind, value in found]
    document = FILES.read({"id": "1", "fingerprints": entries})
    assert document.hash == FILES.read({"id": "1", "fingerprints": entries[::-1] + entries}).hash
    kept = {(one["type"], one["value"]) for one in content(document).get("fingerprints", [])}
    assert kept == {(kind, value.zfill(16) if kind == "phash" else value) for kind, value in found}


@pytest.mark.parametrize(
    ("old", "urls"),
    [
        ({"url": "https://a.example"}, ["https://a.example"]),
        ({"url": "", "twitter": "", "instagram": ""}, None),
        ({"url": None, "twitter": None, "instagram": None}, None),
        ({"twitter": "me"}, ["https://www.twitter.com/me"]),
        ({"instagram": "me"}, ["https://www.instagram.com/me"]),
        ({"twitter": "https://twitter.com/me", "instagram": "HTTP://x/y"}, ["https://twitter.com/me", "HTTP://x/y"]),
        ({"twitter": "httpfan"}, ["https://www.twitter.com/httpfan"]),
        (
            {"url": "https://a.example", "twitter": "t", "instagram": "i"},
            ["https://a.example", "https://www.twitter.com/t", "https://www.instagram.com/i"],
        ),
    ],
)
def test_legacy_urls_of_performers_become_a_list_as_in_stash_s_own_migration(
    old: dict[str, Any], urls: list[str] | None
) -> None:
    reader = Whole("v0.20.2", "performers")
    assert content(reader.read({"id": "1", **old})).get("urls") == urls


@pytest.mark.parametrize("bad", [{"twitter": 5}, {"url": ["x"]}, {"url": "https://a", "twitter": {"x": 1}}])
def test_invalid_legacy_urls_do_not_lose_the_performer(bad: dict[str, Any]) -> None:
    reader = Whole("v0.20.2", "performers")
    assert content(reader.read({"id": "1", "name": "x", **bad}))["name"] == "x"


def test_movies_become_groups() -> None:
    old = Whole("v0.20.2", "scenes")
    new = Whole("v0.30.1", "scenes")
    movies = [{"movie": {"id": "7"}, "scene_index": 2}, {"movie": {"id": "5"}, "scene_index": None}]
    groups = [{"group": {"id": "5"}, "scene_index": None}, {"group": {"id": "7"}, "scene_index": 2}]
    one, other = old.read({"id": "1", "movies": movies}), new.read({"id": "1", "groups": groups})
    assert one.hash == other.hash
    assert content(one)["groups"] == [{"group_id": 5}, {"group_id": 7, "scene_index": 2}]
