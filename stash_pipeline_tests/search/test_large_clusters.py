"""Clusters of 500 objects, which no list of pairs shows: through matches, the catalog, duplicates and the search."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches.deciding import NewDecision, decide, withdraw
from stash_pipeline.warehouse.matches.duplicate_report import read_duplicates
from stash_pipeline_tests.catalog.working import Object
from stash_pipeline_tests.matches.conftest import database
from stash_pipeline_tests.matches.documents import video
from stash_pipeline_tests.search.documented import DocumentedServers
from stash_pipeline_tests.search.working import of

pytestmark = pytest.mark.integration

__all__ = ["database"]

SIZE = 500


@pytest.fixture
def servers(database: str, home: Path) -> Iterator[DocumentedServers]:
    """No server yet."""
    yield DocumentedServers(database, home)


def files(number: int, *, chained: bool = True) -> list[dict[str, Any]]:
    """Two files of a scene: the first one is that of the scene before, the second one that of the scene after."""
    second = number + 1 if chained else 9_000_000 + number
    return [
        video(2 * number, oshash=f"{number:016x}", width=1280, height=720),
        video(2 * number + 1, oshash=f"{second:016x}", width=1280, height=720),
    ]


def register_chain(servers: DocumentedServers) -> list[Object]:
    """Two servers with every second scene of a chain each, in which neighbours have a file in common."""
    scenes: list[Object] = []
    for place in range(2):
        numbers = range(1 + place, SIZE + 1, 2)
        instance = servers.register(
            {
                "tags": [{"id": number, "name": f"Tag {number}"} for number in range(1, 6)],
                "files": [file for number in numbers for file in files(number)],
                "scenes": [
                    {
                        "id": number,
                        "title": f"Copy {number}",
                        "files": [2 * number, 2 * number + 1],
                        "tags": [1 + number % 5],
                        "urls": [f"https://kite.example/{number}"],
                        "play_count": 1,
                    }
                    for number in numbers
                ],
            }  # fmt: skip
        )
        scenes += [(instance.id, number) for number in numbers]
    return sorted(scenes, key=lambda scene: scene[1])


def test_500_scenes_are_one_record(servers: DocumentedServers) -> None:
    scenes = register_chain(servers)
    servers.follow_all()
    assert servers.cluster_sizes("scenes") == [(SIZE, 2)]
    record = servers.record_of("scenes", scenes[0])
    assert (record["objects"], record["instances"], record["play_count"]) == (SIZE, 2, SIZE)
    assert servers.rows(
        "SELECT (SELECT count(*) FROM catalog.scene_files), (SELECT count(*) FROM catalog.scene_urls),\n"
        "    (SELECT count(*) FROM catalog.scene_tags), (SELECT count(*) FROM catalog.members WHERE entity = 'scenes')"
    ) == [(2 * SIZE, SIZE, 5, SIZE)]
    (document,) = of(servers, "scenes")
    assert document["id"] == record["id"] and len(document["tag_ids"]) == 5
    with connect(servers.database_url) as connection:
        report = read_duplicates(connection, "scenes")
    (group,) = report.groups
    assert len(group.copies) == SIZE and sum(copy["is_keeper"] for copy in group.copies) == 1


def test_a_chain_that_breaks_keeps_the_id_with_the_larger_part_and_heals(servers: DocumentedServers) -> None:
    scenes = register_chain(servers)
    servers.follow_all()
    whole = servers.record_of("scenes", scenes[0])["id"]
    weak = scenes[199]
    home = next(one for one in servers.instances if one.id == weak[0])
    servers.write(home, {"files": files(200, chained=False)})
    servers.follow_all()
    assert servers.cluster_sizes("scenes") == [(300, 2), (200, 2)]
    left, right = (servers.record_of("scenes", scenes[place])["id"] for place in (0, SIZE - 1))
    assert right == whole != left
    servers.write(home, {"files": files(200)})
    servers.follow_all()
    assert servers.cluster_sizes("scenes") == [(SIZE, 2)]
    assert servers.record_of("scenes", scenes[0])["id"] == whole
    assert servers.rows("SELECT id, cluster_id FROM matches.redirects") == [(left, whole)]


def test_a_person_parts_the_ends_of_a_chain(servers: DocumentedServers) -> None:
    scenes = register_chain(servers)
    servers.follow_all()
    servers.decide("scenes", "different", scenes[0], scenes[-1])
    servers.follow_all()
    clusters = servers.cluster_sizes("scenes")
    assert len(clusters) == 2 and sum(size for size, _ in clusters) == SIZE
    ((refused,),) = servers.rows("SELECT refused FROM matches.links WHERE refused IS NOT NULL")
    assert refused["reason"] == "decision"
    assert {tuple(node) for node in refused["between"]} == {scenes[0], scenes[-1]}


def test_people_make_a_cluster_of_500_and_part_it_again(servers: DocumentedServers) -> None:
    scenes: list[Object] = []
    for place in range(2):
        ids = range(1 + place, SIZE + 1, 2)
        instance = servers.register({"scenes": [{"id": number, "title": f"Scene {number}"} for number in ids]})
        scenes += [(instance.id, number) for number in ids]
    scenes.sort(key=lambda scene: scene[1])
    servers.follow_all()
    assert len(servers.cluster_sizes("scenes")) == SIZE
    with connect(servers.database_url) as connection:
        chain = [NewDecision("scenes", "same", one, other) for one, other in zip(scenes[:-1], scenes[1:], strict=True)]
        written = decide(connection, chain).written
        servers.follow_all()
        assert servers.cluster_sizes("scenes") == [(SIZE, 2)]
        with pytest.raises(UserError) as refused:
            decide(connection, [NewDecision("scenes", "different", scenes[0], scenes[-1])])
        assert len(str(refused.value)) < 600, "a chain of 499 decisions is not listed"
        withdraw(connection, [written[249]])
    servers.follow_all()
    assert servers.cluster_sizes("scenes") == [(250, 2), (250, 2)]


def test_500_performers_with_two_names_in_common_with_the_next_are_one(servers: DocumentedServers) -> None:
    def names(number: int) -> list[str]:
        return [f"Kite{number:04} Alder", f"Wren{number:04} Birch"]

    people: list[Object] = []
    for place in range(2):
        numbers = range(1 + place, SIZE + 1, 2)
        instance = servers.register(
            {
                "performers": [
                    {"id": number, "name": names(number)[0], "aliases": [names(number)[1], *names(number + 1)]}
                    for number in numbers
                ]
            }
        )
        people += [(instance.id, number) for number in numbers]
    servers.follow_all()
    assert servers.cluster_sizes("performers") == [(SIZE, 2)]
    record = servers.record_of("performers", people[0])
    assert record["objects"] == SIZE
    ((aliases,),) = servers.rows("SELECT count(*) FROM catalog.performer_aliases")
    assert aliases >= 2 * SIZE
    (document,) = of(servers, "performers")
    assert len(document["aliases"]) >= 2 * SIZE
