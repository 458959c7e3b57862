"""Every example of ``docs/search.md`` finds what it should in a small library."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest

from stash_pipeline.search.api import KNOWN_FACETS, Search
from stash_pipeline.search.documents import TEXT_WEIGHTS
from stash_pipeline.search.query.build import KNOWN
from stash_pipeline.search.query.errors import QueryError
from stash_pipeline.search.request import SORT_KEYS
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.search.small_library import small_search

Capture = pytest.CaptureFixture[str]

PAGE = (Path(__file__).parents[2] / "docs" / "search.md").read_text("utf-8")
NOW = datetime(2026, 3, 10, 12, tzinfo=timezone.utc)

MORNING, RAIN, EVENING = "Morning on the beach", "Rain on the beach", "Winter evening"
CITY, SIGNS = "東京の朝", "???"
SCENES = {MORNING, RAIN, EVENING, CITY, SIGNS}
ANNA, BEA, LUCJA = "Anna Marlow", "Bea Corvin", "Łucja Ødegård"

DANCE, TOAST, FIRST_DANCE, OUTDOOR, WALK = "Slow Dance", "Toast", "First dance", "Outdoor", "Beach Walk"
LAKE, SHORTS, TALES = "Blue Lake", "Blue Lake Shorts", "Winter Tales"
EVERYTHING = {
    *SCENES, ANNA, BEA, LUCJA, DANCE, TOAST, FIRST_DANCE, OUTDOOR, WALK, LAKE, SHORTS, TALES,
}  # fmt: skip

EXPECTED: dict[str, set[str]] = {
    "morning beach": {MORNING},
    "mornign": {MORNING},
    "morn": {MORNING},
    '"on the beach"': {MORNING, RAIN},
    "beach*": {MORNING, RAIN, WALK},
    '"rain on"*': {RAIN},
    "beach -rain": {MORNING, WALK},
    "rain OR evening": {RAIN, EVENING},
    "beach (morning OR rain)": {MORNING, RAIN},
    "-(rain OR evening) kind:scene": {MORNING, CITY, SIGNS},
    "beach AND rain": {RAIN},
    "NOT rain kind:scene": SCENES - {RAIN},
    '"???"': {SIGNS},
    "kind:scene": SCENES,
    "instance:home": EVERYTHING - {EVENING},
    'studio:"Blue Lake"': {LAKE, SHORTS, MORNING, RAIN},
    'studio:="Blue Lake"': {LAKE, RAIN},
    "performer:anna": {ANNA, MORNING, EVENING},
    "tag:outdoor": {OUTDOOR, WALK, MORNING, RAIN},
    "tag:=outdoor kind:scene": {RAIN},
    "tag:out*": {OUTDOOR, WALK, MORNING, RAIN},
    'group:"winter tales"': {TALES, EVENING},
    "gender:female": {ANNA, BEA, MORNING, RAIN, EVENING},
    "date:2019..2021": {MORNING, RAIN, EVENING},
    "year:2020": {MORNING},
    "duration:>20m": {MORNING, EVENING},
    "resolution:>=1080p": {MORNING, EVENING},
    "rating:>=80": {MORNING},
    "organized:yes": {MORNING},
    "played:no kind:scene": {MORNING, CITY, SIGNS},
    "plays:>=3": {RAIN},
    "ocount:1": {RAIN},
    "markers:yes": {EVENING},
    "codec:h265": {RAIN},
    "size:>1gb": {MORNING, EVENING},
    "box:candidate": {BEA, EVENING},
    "favorite:yes": {ANNA},
    "title:beach": {MORNING, RAIN, WALK},
    "alias:annie": {ANNA},
    "code:abc-123": {MORNING},
    "file:evening.mkv": {EVENING},
    "details:breakfast": {MORNING},
    "host:example.org": {MORNING},
    "created:2026-03": {MORNING},
    "updated:>2025": {MORNING},
    "id:00000000-0000-0000-0000-000000000032": {MORNING},
    'tag:"slow dance"': {DANCE, EVENING, FIRST_DANCE},
    "tag:(slow dance or toast)": {DANCE, TOAST, EVENING, FIRST_DANCE},
    "performer:(anna AND łucja)": {EVENING},
    "kind:studio,tag": {LAKE, SHORTS, OUTDOOR, WALK, DANCE, TOAST},
    "rating:(>80 or none) kind:scene": SCENES - {RAIN},
    "rating:60..90": {MORNING, RAIN},
    "date:..2020": {ANNA, MORNING, EVENING},
    "studio:none kind:scene": {EVENING, CITY, SIGNS},
    "date:2020-06": {MORNING},
    "date:>2020": {RAIN},
    "updated:7d": {MORNING},
    "updated:<1y": {RAIN, EVENING},
    "updated:2w..1d": {MORNING},
    "duration:10m..30m": {MORNING, RAIN},
    "duration:25m": {MORNING},
    "resolution:4k": {EVENING},
    "marker:toast": {EVENING},
    'marker:("slow dance" or toast)': {EVENING},
    'marker:"slow dance" then marker:toast': {EVENING},
    'marker:"slow dance" then<30s marker:toast': {EVENING},
    'marker:"slow dance" then marker:toast performer:anna': {EVENING},
    'marker:toast marker:"slow dance"': {EVENING},
    "beach sort:-date": {RAIN, MORNING, WALK},
    "beach sort:date": {RAIN, MORNING, WALK},
    "beach sort:-rating,title": {RAIN, MORNING, WALK},
    "beach sort:relevance": {RAIN, MORNING, WALK},
    "lucja odegard kind:performer": {LUCJA},
    "abc123": {MORNING},
    "京": {CITY},
    "morning-walk": {MORNING},
}

ORDERED = {
    "beach sort:-date": [RAIN, MORNING, WALK],
    "beach sort:date": [MORNING, RAIN, WALK],
    "beach sort:-rating,title": [MORNING, RAIN, WALK],
}


def _examples() -> list[str]:
    rows = re.findall(r"^\| `((?:[^`\\]|\\.)+)` \|", PAGE, re.MULTILINE)
    return [row.replace("\\|", "|") for row in rows]


@pytest.fixture(scope="module")
def search(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    url = create_database(postgres, "search_documentation", _template)
    with small_search(url, tmp_path_factory.mktemp("index")) as opened:
        yield opened
    drop_database(postgres, "search_documentation")


@pytest.mark.parametrize("query", _examples())
def test_every_example_finds_what_it_should(search: Search, query: str) -> None:
    answer = search.search(query, limit=100, now=NOW)
    assert {hit.title for hit in answer.hits} == EXPECTED[query]


@pytest.mark.parametrize("query", ORDERED)
def test_examples_of_the_order_are_in_order(search: Search, query: str) -> None:
    assert [hit.title for hit in search.search(query).hits] == ORDERED[query]


def test_all_examples_are_known_and_no_other() -> None:
    assert sorted(_examples()) == sorted(EXPECTED)


def _section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_page_lists_all_fields() -> None:
    fields = set(re.findall(r"^\| `-?([a-z]+):", PAGE, re.MULTILINE)) | {"sort"}
    assert fields == set(KNOWN)


def test_the_page_lists_all_facets_and_keys_of_the_order() -> None:
    listed = _section("The command").split("among all hits: ")[1].split(".")[0]
    assert tuple(re.split(r", | or |,?\s+", listed)) == KNOWN_FACETS
    keys = _section("Order").split("The keys are ")[1].split(".")[0]
    assert tuple(re.split(r", | and ", keys)) == SORT_KEYS


def test_the_page_has_the_weights_of_the_fields() -> None:
    rows = re.findall(r"^\| ([a-z ]+) \| ([0-9.]+) \|", _section("Ranking"), re.MULTILINE)
    assert {name.replace(" ", "_"): float(weight) for name, weight in rows} == TEXT_WEIGHTS


def test_the_error_of_the_page_is_what_is_said(search: Search) -> None:
    shown = _section("The command").split("point at the place:")[1].split("```")[1].strip("\n")
    with pytest.raises(QueryError) as caught:
        search.search('beach studo:"Blue Lake"')
    assert shown == f"stash-pipeline: {caught.value}"


def test_the_example_in_python_runs(search: Search, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    @contextmanager
    def opened() -> Iterator[Search]:
        yield search

    monkeypatch.setattr("stash_pipeline.search.api.open_search", opened)
    exec(_section("Python").split("```python\n")[1].split("```")[0], {})
    out = capsys.readouterr().out
    assert MORNING in out
    assert "Blue Lake 1" in out
