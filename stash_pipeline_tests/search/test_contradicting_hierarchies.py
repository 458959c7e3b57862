"""Hierarchies that go round in a circle when those of several servers are united: nothing loops or is above itself."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.search.api import Search
from stash_pipeline.search.index import follow_index
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.conftest import database
from stash_pipeline_tests.search.documented import DocumentedServers
from stash_pipeline_tests.search.working import documents

pytestmark = pytest.mark.integration

__all__ = ["database"]

PAGE = (Path(__file__).parents[2] / "docs/catalog.md").read_text("utf-8")
NAMES = ("Meadow", "Orchard", "Pond")
MEADOW, ORCHARD, POND = 1, 2, 3
Edge = tuple[int, int]
"""What is below, and what is above it."""


@pytest.fixture
def servers(database: str, home: Path) -> Iterator[DocumentedServers]:
    """No server yet."""
    yield DocumentedServers(database, home)


def tags(edges: Sequence[Edge]) -> list[dict[str, Any]]:
    """Three tags of a server, with its hierarchy."""
    return [
        {"id": number, "name": name, "parents": [above for below, above in edges if below == number]}
        for number, name in enumerate(NAMES, 1)
    ]


def studios(edges: Sequence[Edge]) -> list[dict[str, Any]]:
    """The same of studios."""
    return [
        {
            "id": number, "name": f"{name} Films", "parent_studio": dict(edges).get(number),
            "urls": [f"https://{name.lower()}.example/films"],
        }
        for number, name in enumerate(NAMES, 1)
    ]  # fmt: skip


def register(servers: DocumentedServers, edges: Sequence[Edge]) -> Instance:
    """A server with a scene, and a marker, of each tag, and a scene of each studio."""
    number = 100 * len(servers.instances)
    return servers.register(
        {
            "tags": tags(edges),
            "studios": studios(edges),
            "scenes": [
                {"id": one, "title": f"Scene {number + one}", "tags": [one], "studio": one} for one in range(1, 4)
            ],
            "scene_markers": [
                {"id": one, "title": f"Marker {number + one}", "scene": one, "primary_tag": one, "seconds": 1.0}
                for one in range(1, 4)
            ],
        }
    )


def identities(servers: DocumentedServers, entity: str) -> list[UUID]:
    """The records of the three."""
    instance = servers.instances[0].id
    return [servers.record_of(entity, (instance, number))["id"] for number in range(1, 4)]


def above(edges: Sequence[Edge], number: int) -> set[int]:
    """Everything above one, and itself."""
    found, queue = {number}, [number]
    for one in queue:
        for below, other in edges:
            if below == one and other not in found:
                found.add(other)
                queue.append(other)
    return found


CIRCLES = [
    pytest.param([[(ORCHARD, MEADOW)], [(MEADOW, ORCHARD)]], id="of two servers"),
    pytest.param([[(ORCHARD, MEADOW)], [(MEADOW, ORCHARD), (POND, MEADOW)]], id="with one below"),
    pytest.param([[(ORCHARD, MEADOW)], [(POND, ORCHARD)], [(MEADOW, POND)]], id="of three servers"),
]


@pytest.mark.parametrize("edges", CIRCLES)
def test_tags_have_all_that_any_server_has_above_them(servers: DocumentedServers, edges: list[list[Edge]]) -> None:
    for some in edges:
        register(servers, some)
    servers.follow_all()
    together = [edge for some in edges for edge in some]
    ids = identities(servers, "tags")
    assert len(set(ids)) == 3
    assert sorted(servers.rows("SELECT tag_id, parent_id FROM catalog.tag_parents")) == sorted(
        {(ids[below - 1], ids[upper - 1]) for below, upper in together}
    )
    expected = {ids[one - 1]: {ids[other - 1] for other in above(together, one)} for one in (1, 2, 3)}
    found = documents(servers)
    for one, identity in enumerate(ids, 1):
        document = found[identity]
        assert len(document["all_tag_ids"]) == len(set(document["all_tag_ids"]))
        assert set(document["all_tag_ids"]) == expected[identity]
        assert sorted(document["tags"]) == sorted(NAMES[other - 1] for other in above(together, one) - {one})
    for document in found.values():
        if document["entity"] in ("scenes", "scene_markers"):
            (own,) = document["tag_ids"]
            assert set(document["all_tag_ids"]) == expected[own]
    assert (
        servers.rows("SELECT tag_id, scene_id, count(*) FROM search.marker_tags GROUP BY 1, 2 HAVING count(*) > 1")
        == []
    )


@pytest.mark.parametrize("edges", CIRCLES)
def test_studios_have_each_studio_above_them_once(servers: DocumentedServers, edges: list[list[Edge]]) -> None:
    for some in edges:
        register(servers, some)
    servers.follow_all()
    ids = identities(servers, "studios")
    assert len(set(ids)) == 3
    together = [edge for some in edges for edge in some]
    parents = dict(servers.rows("SELECT id, parent_studio_id FROM catalog.studios WHERE parent_studio_id IS NOT NULL"))
    assert parents == {ids[below - 1]: ids[upper - 1] for below, upper in together}
    found = documents(servers)
    for one, identity in enumerate(ids, 1):
        document = found[identity]
        assert len(document["studio_ids"]) == len(set(document["studio_ids"]))
        assert document["studio_ids"][0] == identity
        assert set(document["studio_ids"]) == {ids[other - 1] for other in above(together, one)}
    for document in found.values():
        if document["entity"] == "scenes":
            assert set(document["studio_ids"]) == set(found[document["studio_id"]]["studio_ids"])


def test_a_circle_that_one_server_opens_is_open(servers: DocumentedServers) -> None:
    register(servers, [(ORCHARD, MEADOW)])
    away = register(servers, [(MEADOW, ORCHARD), (POND, MEADOW)])
    servers.follow_all()
    servers.write(away, {"tags": tags([(POND, MEADOW)]), "studios": studios([(POND, MEADOW)])})
    servers.follow_all()
    meadow, orchard, pond = identities(servers, "tags")
    found = documents(servers)
    assert found[meadow]["all_tag_ids"] == [meadow]
    assert set(found[orchard]["all_tag_ids"]) == {meadow, orchard}
    assert set(found[pond]["all_tag_ids"]) == {meadow, pond}
    servers.write(away, {"tags": tags([(MEADOW, POND), (POND, ORCHARD)])})
    servers.follow_all()
    found = documents(servers)
    assert all(set(found[one]["all_tag_ids"]) == {meadow, orchard, pond} for one in (meadow, orchard, pond))


def test_tags_above_each_other_that_are_one_are_not_above_themselves(servers: DocumentedServers) -> None:
    home = register(servers, [(ORCHARD, MEADOW)])
    away = register(servers, [(MEADOW, ORCHARD), (POND, MEADOW)])
    servers.decide("tags", "same", (home.id, MEADOW), (away.id, ORCHARD))
    servers.follow_all()
    meadow, orchard, pond = identities(servers, "tags")
    assert meadow == orchard
    assert servers.rows("SELECT tag_id, parent_id FROM catalog.tag_parents") == [(pond, meadow)]
    assert documents(servers)[meadow]["all_tag_ids"] == [meadow]


def test_groups_that_contain_each_other_are_each_contained_once(servers: DocumentedServers) -> None:
    def groups(container: int, content: int) -> list[dict[str, Any]]:
        return [
            {
                "id": number, "name": f"{NAMES[number - 1]} Tales", "date": "2020-01-02",
                "sub_groups": [{"group_id": content, "description": "Second"}] if number == container else [],
            }
            for number in (MEADOW, ORCHARD)
        ]  # fmt: skip

    for pair in ((MEADOW, ORCHARD), (ORCHARD, MEADOW)):
        servers.register({"groups": groups(*pair)})
    servers.follow_all()
    one, other = (servers.record_of("groups", (servers.instances[0].id, number))["id"] for number in (1, 2))
    rows = servers.rows("SELECT containing_group_id, group_id FROM catalog.group_containing")
    assert sorted(rows) == sorted([(one, other), (other, one)])


def test_a_search_by_a_tag_of_a_circle_finds_what_is_below_it_once(servers: DocumentedServers, home: Path) -> None:
    register(servers, [(ORCHARD, MEADOW)])
    register(servers, [(MEADOW, ORCHARD), (POND, MEADOW)])
    servers.follow_all()
    backend = TantivyBackend(home / "search")
    with connect(servers.database_url) as connection:
        follow_index(connection, backend)
        search = Search(backend.reader(), connection)
        totals = {name: search.search(f"kind:scene tag:{name}").total for name in NAMES}
        own = {name: search.search(f"kind:scene tag:={name}").total for name in NAMES}
        moments = {name: search.search(f"kind:scene marker:{name}").total for name in NAMES}
        films = {name: search.search(f'kind:scene studio:"{name} Films"').total for name in NAMES}
        search.close()
    # two scenes of each tag, one on each server; those of the pond are below both others
    assert totals == moments == films == {"Meadow": 6, "Orchard": 6, "Pond": 2}
    assert own == dict.fromkeys(NAMES, 2)


def test_the_queries_of_the_page_on_hierarchies_end(servers: DocumentedServers) -> None:
    register(servers, [(ORCHARD, MEADOW)])
    register(servers, [(MEADOW, ORCHARD), (POND, MEADOW)])
    servers.follow_all()
    (query,) = (one for one in re.findall(r"```sql\n(.*?)```", PAGE, re.S) if "RECURSIVE" in one)
    for name, scenes in (("Meadow", 6), ("Orchard", 6), ("Pond", 2)):
        assert len(servers.rows(query.replace("Outdoor", name))) == scenes
