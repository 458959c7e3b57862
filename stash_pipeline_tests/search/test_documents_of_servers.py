"""Documents through all layers, of servers of given documents: what generated libraries do not have."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stash_pipeline.layers import LAYERS
from stash_pipeline.search.index import follow_index
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.stashbox_registry import add_endpoint
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.layer import shared
from stash_pipeline.warehouse.layers.shared import follow
from stash_pipeline.warehouse.matches.deciding import NewDecision, decide, withdraw
from stash_pipeline.warehouse.matches.decisions import BoxRecord
from stash_pipeline_tests.matches.conftest import EmptyServers, _servers_without_objects, empty_servers
from stash_pipeline_tests.matches.documents import remove_documents, video, write_documents
from stash_pipeline_tests.mirror.working import stop_looking
from stash_pipeline_tests.search.working import contents

__all__ = ["_servers_without_objects", "empty_servers"]

BOX = "https://kite.example/graphql"


@pytest.fixture(autouse=True)
def _stop() -> Iterator[None]:
    yield
    stop_looking()


def follow_all(connection: Connection, *, rebuild: bool = False) -> None:
    for layer in shared(LAYERS):
        follow(connection, layer, LAYERS, rebuild=rebuild)


def rebuilt(connection: Connection) -> dict[str, list[Any]]:
    """The documents as they are made from nothing, which is rolled back."""
    with suppress(psycopg.Rollback), connection.transaction():
        connection.execute("TRUNCATE search.documents, search.marker_tags, search.vanished, search.row_counts")
        next(layer for layer in shared(LAYERS) if layer.name == "search").rebuild(connection, 1)
        made = contents(connection)
        raise psycopg.Rollback()
    return made


def test_a_scene_that_loses_a_decision_to_no_change_of_its_own_gets_another_document(
    empty_servers: EmptyServers, home: Path
) -> None:
    def scene(number: int) -> dict[str, list[dict[str, Any]]]:
        urls, created = ["https://kite.example/lanterns"], f"2026-01-0{number}T00:00:00Z"
        return {"scenes": [{"id": number, "title": f"{number}", "urls": urls, "created_at": created}]}

    def on_boxes(connection: Connection) -> list[Any]:
        follow_all(connection)
        assert contents(connection) == rebuilt(connection)
        return connection.execute("SELECT title, stash_box FROM search.documents ORDER BY 1").fetchall()

    database, (first, _) = empty_servers
    with connect(database) as connection:
        add_endpoint(connection, "kitebox", BOX, home=home)
        write_documents(connection, first.id, scene(1))
        decide(connection, [NewDecision("scenes", "same", (first.id, 1), box=BoxRecord(BOX, "aa"))])
        remove_documents(connection, first.id, "scenes", [1])
        write_documents(connection, first.id, scene(2))
        assert on_boxes(connection) == [("2", "linked")], "it is recognised by its url"
        # of two with that url, neither is
        write_documents(connection, first.id, scene(3))
        assert on_boxes(connection) == [("2", "none"), ("3", "none")]


def test_markers_of_a_tag_that_became_another_record_that_looks_as_before(empty_servers: EmptyServers) -> None:
    def marker(number: int, title: str, *tags: int) -> dict[str, Any]:
        # of scenes of their own: all markers of a scene follow together
        return {
            "id": number,
            "title": title,
            "seconds": 1,
            "scene": number,
            "primary_tag": tags[0],
            "tags": list(tags[1:]),
        }

    def of_markers(connection: Connection) -> dict[str, int]:
        """How many tags each marker has, by its title and scene."""
        follow_all(connection)
        assert contents(connection) == rebuilt(connection)
        return dict(
            connection.execute(
                "SELECT title, cardinality(tag_ids) FROM search.documents WHERE entity = 'scene_markers'"
            ).fetchall()
        )

    database, (first, second) = empty_servers
    with connect(database) as connection:
        write_documents(
            connection,
            first.id,
            {
                "tags": [
                    {"id": 1, "name": "Lanterns at night"},
                    {"id": 2, "name": "Kites"},
                    {"id": 3, "name": "Dancing"},
                ],
                "scenes": [{"id": 1, "title": "An evening"}, {"id": 2, "title": "A morning"}],
                "scene_markers": [marker(1, "Both", 1, 2), marker(2, "", 2, 1, 3)],
            },
        )
        # the records of two tags are called like the third one, too, so that they look the same with it
        names = [{"name": name, "aliases": ["Kites"]} for name in ("Lanterns at night", "Dancing")]
        write_documents(connection, second.id, {"tags": [{"id": number, **tag} for number, tag in enumerate(names)]})
        assert of_markers(connection) == {"Both": 2, "Kites": 3}
        both = decide(connection, [NewDecision("tags", "same", (first.id, 1), (first.id, 2))]).written
        assert of_markers(connection) == {"Both": 1, "Lanterns at night": 2}
        withdraw(connection, both)
        dance = decide(connection, [NewDecision("tags", "same", (first.id, 2), (first.id, 3))]).written
        assert of_markers(connection) == {"Both": 2, "Dancing": 2}
        # the tag after which the other marker is called leaves one of its records for the other one
        withdraw(connection, dance)
        decide(connection, [NewDecision("tags", "same", (first.id, 1), (first.id, 2))])
        assert of_markers(connection) == {"Both": 1, "Lanterns at night": 2}


LARGEST = 2**31 - 1
EXTREMES: dict[str, list[dict[str, Any]]] = {
    "files": [
        video(1, phash="8b75e036364d1f0a", duration=1e308, size=2**63 - 1, bit_rate=-(2**63), height=-LARGEST),
        video(2, phash="8b75e036364d1f0a", oshash="aa" * 8, duration=3e6, size=2**63 - 1),
        video(3, phash="8b75e036364d1f0a", oshash="aa" * 8, duration=2_147_483.0, size=2**63 - 1),
    ],
    "scenes": [
        {
            "id": number, "title": "Kites", "files": files, "play_count": LARGEST, "o_counter": LARGEST,
            "play_duration": 1e308, "rating100": -LARGEST, "created_at": created, "updated_at": created,
        }
        for number, files, created in (
            (1, [1, 2], "0001-01-01T00:00:00+01:00"), (2, [3], "9999-12-31T23:59:59-14:00"),
        )
    ],
    "groups": [{"id": 1, "name": "Kites", "duration": LARGEST, "rating100": LARGEST}],
    "scene_markers": [
        {"id": number, "title": "Lanterns", "seconds": seconds, "end_seconds": -seconds, "scene": 1}
        for number, seconds in ((1, 1e300), (2, -1e300), (3, 3e6))
    ],
}  # fmt: skip


def test_numbers_and_times_that_no_server_should_have_stop_no_layer(empty_servers: EmptyServers, home: Path) -> None:
    database, servers = empty_servers
    backend = TantivyBackend(home / "search-index")
    with connect(database) as connection:
        add_endpoint(connection, "kitebox", BOX, home=home)
        for rebuild in (False, True):
            for server in servers:
                write_documents(connection, server.id, EXTREMES)
            follow_all(connection, rebuild=rebuild)
            follow_index(connection, backend, rebuild=rebuild)
        first, second = servers
        decide(connection, [NewDecision("scenes", "different", (first.id, 1), (second.id, 1))])
        for server in servers:
            write_documents(connection, server.id, {"scenes": [{**EXTREMES["scenes"][0], "title": "Lampions"}]})
            follow_all(connection)
        follow_index(connection, backend)
        assert contents(connection) == rebuilt(connection)
        assert connection.execute("SELECT FROM matches.resolved_decisions").fetchall()
