"""Searches of what was synced from servers: the tables, the index and the query language together."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.search.api import Search
from stash_pipeline.search.folding import fold
from stash_pipeline.search.index import follow_index
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Servers, same_servers
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import stop_looking
from stash_pipeline_tests.search.working import follow_search


@pytest.fixture
def servers(postgres: str, _with_documents: list[Instance], home: Path) -> Iterator[Servers]:
    yield same_servers(create_database(postgres, "search_of_servers", "with_documents"), home, _with_documents)
    stop_looking()
    drop_database(postgres, "search_of_servers")


@pytest.fixture
def search(servers: Servers, home: Path) -> Iterator[Search]:
    backend = TantivyBackend(home / "search")
    with connect(servers.database_url) as connection:
        follow_index(connection, backend)
        opened = Search(backend.reader(), connection)
        yield opened
        opened.close()


def test_a_scene_of_two_servers_is_found_once_by_a_title_with_an_error(servers: Servers, search: Search) -> None:
    identity, title = servers.rows(
        "SELECT id, title FROM search.documents WHERE entity = 'scenes' AND cardinality(instance_ids) = 2 "
        "AND title ~ '^[A-Za-z ]{12,}$' ORDER BY id LIMIT 1"
    )[0]
    long = max(title.split(), key=len)
    query = title.replace(long, long[:2] + long[3:])
    hits = [hit for hit in search.search(f"kind:scene {query}", limit=100).hits if hit.id == identity]
    assert [hit.instances for hit in hits] == [tuple(sorted(one.instance.name for one in servers.servers))]


def test_a_change_on_a_server_is_lag_until_the_index_follows(servers: Servers, search: Search, home: Path) -> None:
    assert search.search("").lag is None
    one = servers.rows("SELECT instance_id, id FROM stash.tags ORDER BY 1, 2")[0]
    servers.edit_by("tags", one, "name = 'Quite Another Name'")
    follow_search(servers)
    lag = search.search("").lag
    assert lag is not None and lag.documents > 0 and lag.revisions > 0
    with connect(servers.database_url) as connection:
        follow_index(connection, TantivyBackend(home / "search"))
    assert search.search("").lag is None
    assert search.search('kind:tag title:"quite another name"').total == 1


def test_what_another_server_calls_a_scene_finds_it_as_well(servers: Servers, search: Search, home: Path) -> None:
    identity, instance, scene, title = servers.rows(
        "SELECT d.id, m.instance_id, m.id, d.title FROM search.documents AS d "
        "JOIN catalog.members AS m ON m.entity = 'scenes' AND m.canonical_id = d.id "
        "WHERE cardinality(d.instance_ids) = 2 AND d.title <> '' AND NOT EXISTS "
        "(SELECT FROM catalog.provenance AS p WHERE p.id = d.id AND p.field = 'title' "
        "AND p.instance_id = m.instance_id) ORDER BY d.id, m.instance_id LIMIT 1"
    )[0]
    assert search.search('kind:scene "known elsewhere by this"').total == 0
    servers.edit_by("scenes", (instance, scene), "title = 'Known Elsewhere by This'")
    follow_search(servers)
    with connect(servers.database_url) as connection:
        follow_index(connection, TantivyBackend(home / "search"))
    (hit,) = search.search('kind:scene "known elsewhere by this"').hits
    assert (hit.id, hit.title, hit.document.aliases) == (identity, title, ("Known Elsewhere by This",))


def test_names_mean_the_records_with_what_is_below_them(servers: Servers, search: Search) -> None:
    tags = servers.rows(
        "SELECT d.title, d.id FROM search.documents AS d WHERE d.entity = 'tags' AND EXISTS "
        "(SELECT FROM search.documents AS s WHERE s.entity = 'scenes' AND d.id = ANY (s.all_tag_ids)) ORDER BY 2"
    )
    assert tags
    for title, _ in tags[:10]:
        same = [identity for name, identity in tags if fold(name) == fold(title)]
        for operator, column in (("", "all_tag_ids"), ("=", "tag_ids")):
            ids = ",".join(map(str, same))
            expected = servers.rows(
                f"SELECT count(*) FROM search.documents WHERE entity = 'scenes' AND {column} && '{{{ids}}}'"
            )
            answer = search.search(f'kind:scene tag:{operator}"{title}"')
            assert [(answer.total,)] == expected, title


def test_a_marker_alone_is_found_by_its_tags_and_those_above_them(servers: Servers, search: Search) -> None:
    tags = servers.rows(
        "SELECT d.title, d.id, bool_and(t.own) FROM search.marker_tags AS t "
        "JOIN search.documents AS d ON d.id = t.tag_id GROUP BY 1, 2 ORDER BY 3, 2"
    )
    assert {own for _, _, own in tags} == {False, True}
    for title, _, _ in [*tags[:10], *tags[-10:]]:
        same = ",".join(str(identity) for name, identity, _ in tags if fold(name) == fold(title))
        for operator, only in (("", ""), ("=", "AND own")):
            expected = servers.rows(
                "SELECT scene_id, min(seconds) FROM search.marker_tags "
                f"WHERE tag_id = ANY ('{{{same}}}') {only} GROUP BY 1"
            )
            answer = search.search(f'marker:{operator}"{title}"', limit=1000)
            assert {(hit.id, hit.moments[0][0].seconds[0]) for hit in answer.hits} == set(expected), (operator, title)
            assert answer.total == len(expected)


def test_sequences_of_markers_are_those_of_the_servers(servers: Servers, search: Search) -> None:
    pairs = servers.rows(
        "SELECT first.name, later.name, round(1000 * a.seconds)::bigint, round(1000 * b.seconds)::bigint, "
        "m.canonical_id "
        "FROM stash.scene_markers AS a JOIN stash.scene_markers AS b USING (instance_id, scene_id) "
        "JOIN stash.tags AS first ON (first.instance_id, first.id) = (a.instance_id, a.primary_tag_id) "
        "JOIN stash.tags AS later ON (later.instance_id, later.id) = (b.instance_id, b.primary_tag_id) "
        "JOIN catalog.members AS m ON m.entity = 'scenes' AND (m.instance_id, m.id) = (a.instance_id, a.scene_id) "
        "WHERE a.seconds < b.seconds ORDER BY 5, 3, 4"
    )
    assert pairs
    for first, later, begins, follows, scene in pairs[:10]:
        seconds = -(-(follows - begins) // 1000)
        hits = search.search(f'marker:"{first}" then<{seconds}s marker:"{later}"', limit=1000).hits
        (places,) = next(hit.moments for hit in hits if hit.id == scene)
        assert (begins, follows) in [place.seconds for place in places]
