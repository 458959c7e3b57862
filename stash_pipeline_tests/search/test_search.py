"""What the search answers: names, highlights, moments, suggestions, pages, and what the index lacks."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

import stash_pipeline.search
from stash_pipeline.errors import UserError
from stash_pipeline.search.answer import FacetCount, Lag
from stash_pipeline.search.api import Search
from stash_pipeline.search.backend import IndexState, SearchIndexMissingError
from stash_pipeline.search.backends import DIRECTORY, open_backend
from stash_pipeline.search.documents import Document
from stash_pipeline.search.highlights import Highlight, highlights
from stash_pipeline.search.query.errors import QueryError
from stash_pipeline.search.query.names import Names, TooManyNamesError
from stash_pipeline.search.suggestions import Suggestion
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.search.small_library import (
    ANNA,
    CABIN,
    DOCUMENTS,
    EVENING,
    FIRST_DANCE,
    GLASSES,
    LAKE,
    fill_database,
    fill_index,
    id_of,
    small_search,
)


@pytest.fixture(scope="module")
def search(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Search]:
    url = create_database(postgres, "small_search", _template)
    with small_search(url, tmp_path_factory.mktemp("index")) as opened:
        yield opened
    drop_database(postgres, "small_search")


def _titles(search: Search, query: str) -> set[str]:
    return {hit.title for hit in search.search(query).hits}


def test_hits_have_kinds_titles_and_names_of_servers(search: Search) -> None:
    (hit,) = search.search("winter evening").hits
    assert (hit.kind, hit.title, hit.instances, hit.id) == ("scene", "Winter evening", ("cabin",), EVENING)
    assert {one.kind for one in search.search("toast").hits} == {"tag", "marker", "scene"}


def test_highlights_are_places_in_the_original_texts(search: Search) -> None:
    (hit,) = search.search("lucja odegard kind:performer").hits
    assert hit.highlights == (Highlight("title", "Łucja Ødegård", ((0, 5), (6, 13))),)


def test_words_with_errors_are_highlighted_where_they_are_right(search: Search) -> None:
    (hit,) = search.search("mornign").hits
    assert hit.highlights[0] == Highlight("title", "Morning on the beach", ((0, 7),))


def test_excluded_words_are_not_highlighted(search: Search) -> None:
    assert all(one.text[low:high] != "rain" for hit in search.search("beach -rain").hits for one in hit.highlights
               for low, high in one.ranges)  # fmt: skip


def test_filters_highlight_nothing(search: Search) -> None:
    assert all(hit.highlights == () for hit in search.search("kind:scene rating:>10").hits)


def test_long_texts_are_shown_around_the_match() -> None:
    text = "word " * 100 + "Straße " + "word " * 100
    (found,) = highlights(Document(id=id_of(1), entity="scenes", revision=1, details=text), {"strasse"})
    assert len(found.text) < 250
    assert [found.text[low:high] for low, high in found.ranges] == ["Straße"]
    assert found.text.startswith("…word") and found.text.endswith("word…")


def test_pairs_of_characters_are_highlighted_as_one() -> None:
    (found,) = highlights(Document(id=id_of(1), entity="scenes", revision=1, title="東京都の朝"), {"東京", "京都"})
    assert found.ranges == ((0, 3),)


def test_moments_of_markers_are_those_of_the_hit(search: Search) -> None:
    (hit,) = search.search('marker:"slow dance" then marker:toast').hits
    (places,) = hit.moments
    assert [(one.instance_id, one.seconds, one.marker_ids) for one in places] == [
        (CABIN, (60_000, 80_000), (FIRST_DANCE, GLASSES))
    ]
    assert search.search("marker:toast then marker:toast").total == 0
    assert search.search('marker:"slow dance" then<19s marker:toast').total == 0


def test_facets_have_names(search: Search) -> None:
    facets = search.search("kind:scene", facets=["kind", "studio", "instance", "performer", "resolution"]).facets
    assert facets["kind"] == (FacetCount("scenes", "scene", 5),)
    assert facets["studio"][0] == FacetCount(str(LAKE), "Blue Lake", 2)
    assert FacetCount(str(ANNA), "Anna Marlow", 2) in facets["performer"]
    assert {(one.name, one.count) for one in facets["instance"]} == {("home", 4), ("cabin", 4)}
    assert {one.name for one in facets["resolution"]} == {"720p", "1080p", "4k"}


def test_pages_follow_each_other(search: Search) -> None:
    found: list[UUID] = []
    after = None
    while True:
        answer = search.search("sort:title", limit=4, after=after)
        found += [hit.id for hit in answer.hits]
        after = answer.next
        if after is None:
            break
    assert len(found) == len(set(found)) == answer.total == len(DOCUMENTS)


def test_names_are_those_of_records_or_have_all_the_words(search: Search) -> None:
    assert _titles(search, "performer:annie kind:performer") == {"Anna Marlow"}
    assert _titles(search, "performer:marlow kind:performer") == {"Anna Marlow"}
    assert _titles(search, 'performer:"marlow anna" kind:performer') == {"Anna Marlow"}
    assert _titles(search, "performer:=marlow") == set()
    # its own name is equal, so that of the other one, which has the words, is not meant
    assert _titles(search, 'studio:="blue lake" kind:studio') == {"Blue Lake"}
    assert _titles(search, "studio:shorts kind:studio") == {"Blue Lake Shorts"}


def test_beginnings_are_those_of_names_or_else_of_words(search: Search) -> None:
    assert _titles(search, "kind:studio studio:blue*") == {"Blue Lake", "Blue Lake Shorts"}
    assert _titles(search, "kind:studio studio:shor*") == {"Blue Lake Shorts"}
    assert _titles(search, "kind:studio studio:=shor*") == set()
    assert _titles(search, 'kind:performer performer:"anna mar"*') == {"Anna Marlow"}
    assert _titles(search, 'kind:performer performer:"marlow an"*') == {"Anna Marlow"}


def test_an_unknown_name_finds_nothing_and_the_similar_are_named(search: Search) -> None:
    answer = search.search('performer:"ana marlow"')
    assert answer.total == 0
    (unknown,) = answer.unknown_names
    assert (unknown.field, unknown.name, unknown.similar) == ("performer", "ana marlow", ("Anna Marlow",))
    assert answer.suggestions == (Suggestion('performer:"Anna Marlow"', 3),)


def test_what_an_unknown_name_must_not_match_is_found(search: Search) -> None:
    answer = search.search("kind:scene -tag:nothing")
    assert answer.total == 5
    assert [one.name for one in answer.unknown_names] == ["nothing"]


def test_unknown_words_are_corrected_if_that_finds_more(search: Search) -> None:
    assert search.search("maorrning baeech kind:scene").suggestions == (Suggestion("morning beach kind:scene", 1),)
    assert search.search("winter evening").suggestions == ()
    assert search.search("zzzzzz").suggestions == ()
    assert search.search("wintre", suggest=False).suggestions == ()


def test_quotation_marks_stay_in_corrections(search: Search) -> None:
    assert search.search('"winter evenning"').suggestions == (Suggestion('"winter evening"', 1),)


def test_too_many_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stash_pipeline.search.query.names.MOST_RECORDS", 2)
    monkeypatch.setattr("stash_pipeline.search.query.names._PAGE", 1)
    backend = TantivyBackend(tmp_path / "index")
    named = [Document(id=id_of(number), entity="tags", revision=1, title=f"Park {number}") for number in range(5)]
    fill_index(backend, tuple(named))
    names = Names(backend.reader())
    with pytest.raises(TooManyNamesError):
        names.ids("tags", "park")
    with pytest.raises(QueryError, match="More than"):
        Search(backend.reader()).search("tag:park")
    assert names.ids("tags", "park 3") == (id_of(3),)


def test_names_are_looked_up_again_after_a_change(tmp_path: Path) -> None:
    backend = TantivyBackend(tmp_path / "index")
    fill_index(backend, (Document(id=id_of(1), entity="tags", revision=1, title="Park"),))
    search = Search(backend.reader())
    assert search.search("tag:garden").unknown_names
    with backend.writer() as writer:
        writer.put([Document(id=id_of(2), entity="tags", revision=2, title="Garden", all_tag_ids=(id_of(2),))])
        writer.commit(IndexState(2, "", backend.version, 2))
    answer = search.search("tag:garden")
    assert (answer.total, answer.unknown_names, answer.revision) == (1, (), 2)
    assert search.search("gardenn").suggestions == ()


def test_disambiguations_are_part_of_names(tmp_path: Path) -> None:
    backend = TantivyBackend(tmp_path / "index")
    fill_index(
        backend,
        tuple(
            Document(id_of(n), "performers", 1, title="Anna", disambiguation=place, performer_ids=(id_of(n),))
            for n, place in ((1, "north"), (2, "south"))
        ),
    )  # fmt: skip
    search = Search(backend.reader())
    assert [hit.id for hit in search.search('performer:"Anna (north)"').hits] == [id_of(1)]
    assert search.search("performer:anna").total == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"limit": 0}, "1 to 1,000 hits"),
        ({"limit": 1001}, "1 to 1,000 hits"),
        ({"facet_limit": 0}, "1 to 1,000 values"),
        ({"facets": ["studios"]}, "There is no facet 'studios'; did you mean studio?"),
        ({"after": "nonsense"}, "The page to continue after"),
        ({"after": "\ud800"}, "The page to continue after"),
    ],
)
def test_invalid_arguments_are_refused(search: Search, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        search.search("beach", **options)  # type: ignore[arg-type]


def test_an_index_that_lacks_documents_says_how_many(database_url: str, tmp_path: Path) -> None:
    with small_search(database_url, tmp_path) as search, connect(database_url) as connection:
        assert search.search("beach").lag is None
        connection.execute(
            "insert into search.states (token, revision) values ('00000000-0000-0000-0000-000000000001', 7)"
        )
        assert search.search("beach").lag == Lag(6, 0)


def test_without_a_database_the_index_answers_alone(tmp_path: Path) -> None:
    backend = TantivyBackend(tmp_path / "index")
    fill_index(backend)
    search = Search(backend.reader())
    assert search.search("winter evening").hits[0].instances == ("instance 2",)
    with pytest.raises(QueryError, match="There is no instance 'home'; there are: none is registered"):
        search.search("instance:home")


def _settings(database_url: str, home: Path) -> Settings:
    return load_settings(home=home, database_url=database_url)


def test_one_query_opens_and_closes_the_index(database_url: str, home: Path) -> None:
    settings = _settings(database_url, home)
    fill_index(open_backend(settings))
    assert (home / DIRECTORY).is_dir()
    with connect(database_url) as connection:
        fill_database(connection)
    answer = stash_pipeline.search.search("morning instance:home", settings=settings)
    assert [hit.title for hit in answer.hits] == ["Morning on the beach"]


def test_a_missing_index_says_what_to_do(database_url: str, home: Path) -> None:
    with pytest.raises(SearchIndexMissingError, match="sync an instance, or run `stash-pipeline rebuild search`"):
        stash_pipeline.search.search("beach", settings=_settings(database_url, home))
