"""Galleries and images, which files make the same thing, and clusters that outlive what happens around them."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.layers import LAYERS
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline_tests.matches.conftest import EmptyServers
from stash_pipeline_tests.matches.documents import STAMP, server_of, video, write_documents
from stash_pipeline_tests.matches.working import contents, rebuilt

ONE, OTHER = "1f" * 16, "2e" * 16
"""Checksums."""


def file(kind: str, number: int, md5: str, path: str) -> dict[str, Any]:
    """An archive or a picture."""
    return {
        "id": number, "type": kind, "path": path, "basename": path.rpartition("/")[2], "size": 1000, "mod_time": STAMP,
        "fingerprints": [{"type": "md5", "value": md5}],
    }  # fmt: skip


def follow(connection: Connection) -> None:
    for layer in (MATCHES_LAYER, DUPLICATES_LAYER):
        shared_layers.follow(connection, layer, LAYERS)


def clusters(connection: Connection, entity: str) -> dict[tuple[int, int], uuid.UUID]:
    """The cluster of each object."""
    rows = connection.execute("SELECT instance_id, id, cluster_id FROM matches.members WHERE entity = %s", [entity])
    return {(row[0], row[1]): row[2] for row in rows}


@pytest.mark.parametrize(("entity", "kind"), [("galleries", "GalleryFile"), ("images", "ImageFile")])
def test_galleries_and_images_are_one_by_the_checksum_of_their_file(
    empty_servers: EmptyServers, entity: str, kind: str
) -> None:
    def documents(*checksums: str) -> dict[str, list[dict[str, Any]]]:
        numbers = range(1, len(checksums) + 1)
        return {
            "files": [file(kind, n, md5, f"/media/{md5}{n}.zip") for n, md5 in zip(numbers, checksums, strict=True)],
            entity: [{"id": number, "title": f"Number {number}", "files": [number]} for number in numbers],
        }

    database, (first, second) = empty_servers
    with connect(database) as connection:
        write_documents(connection, first.id, documents(ONE, OTHER))
        write_documents(connection, second.id, documents("3d" * 16, ONE))
        follow(connection)
        found = clusters(connection, entity)
        assert found[first.id, 1] == found[second.id, 2]
        assert len(set(found.values())) == 3
        links = connection.execute("SELECT entity, action, rule FROM matches.links").fetchall()
        assert links == [(entity, "merge", f"{entity}:md5")]
        # the file is replaced
        write_documents(connection, second.id, {"files": [file(kind, 2, "4c" * 16, "/media/new.zip")]})
        follow(connection)
        assert len(set(clusters(connection, entity).values())) == 4
        assert contents(connection) == rebuilt(database)


def test_an_alias_of_many_groups_of_one_server_proposes_nothing(empty_servers: EmptyServers) -> None:
    def group(number: int, name: str, aliases: str) -> dict[str, Any]:
        return {"id": number, "name": name, "aliases": aliases}

    def proposals(connection: Connection) -> set[tuple[int, int]]:
        follow(connection)
        assert contents(connection) == rebuilt(database)
        rows = connection.execute(
            "SELECT left_id, right_id, rule FROM matches.links WHERE entity = 'groups'"
        ).fetchall()
        assert {row[2] for row in rows} <= {"groups:alias"}
        return {(row[0], row[1]) for row in rows}

    database, (first, second) = empty_servers
    most = PARAMETERS["alias"]["most"]
    few = [group(number, f"Kite {number}", "Unknown title") for number in range(1, most + 1)]
    with connect(database) as connection:
        write_documents(connection, first.id, {"groups": few})
        write_documents(connection, second.id, {"groups": [group(90, "Lanterns", "Unknown title, Lampions")]})
        assert {pair for pair in proposals(connection) if pair[1] == 90} == {(group["id"], 90) for group in few}
        write_documents(connection, first.id, {"groups": [group(50, "Kite 50", "Unknown title")]})
        assert proposals(connection) == set()
        # another alias of the same groups still does
        write_documents(connection, first.id, {"groups": [group(50, "Kite 50", "Unknown title, Lampions")]})
        assert proposals(connection) == {(50, 90)}
        write_documents(connection, first.id, {"groups": [group(1, "Kite 1", "")]})
        assert (2, 90) in proposals(connection)


def scene(number: int, oshash: str, title: str) -> dict[str, list[dict[str, Any]]]:
    return {
        "files": [video(number, oshash=oshash, path=f"/media/{title}.mp4")],
        "scenes": [{"id": number, "title": title, "files": [number]}],
    }


def test_clusters_keep_their_ids_through_renames_rebuilds_and_servers_that_come_and_go(
    empty_servers: EmptyServers, home: Path
) -> None:
    database, (first, second) = empty_servers
    with connect(database) as connection:
        write_documents(connection, first.id, scene(1, "aa" * 8, "Kites"))
        write_documents(connection, second.id, scene(7, "aa" * 8, "Kites"))
        follow(connection)
        (kites,) = set(clusters(connection, "scenes").values())
        write_documents(connection, first.id, scene(1, "aa" * 8, "Something else"))
        follow(connection)
        assert set(clusters(connection, "scenes").values()) == {kites}
        third = server_of(database, home, connection, scene(3, "aa" * 8, "Third"))
        follow(connection)
        assert set(clusters(connection, "scenes").values()) == {kites} and len(clusters(connection, "scenes")) == 3
        assert contents(connection) == rebuilt(database)
        shared_layers.follow(connection, MATCHES_LAYER, LAYERS, rebuild=True)
        assert set(clusters(connection, "scenes").values()) == {kites}
        for gone in (first, third):
            remove_instance(connection, gone.id)
            follow(connection)
            assert contents(connection) == rebuilt(database)
        assert clusters(connection, "scenes") == {(second.id, 7): kites}
