"""A server that lost or replaced its objects is not followed until a user accepts it."""

from pathlib import Path

import pytest

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.sync.safeguards import SuspiciousServerError, allowed
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror, generated, new_mirror, row_versions


def refused(server: Mirror, *words: str) -> None:
    """A refresh stops with these words, without writing a row."""
    before = row_versions(server.database_url, server.instance.id)
    with pytest.raises(SuspiciousServerError, match="--accept-removals") as stopped:
        server.refresh()
    for word in words:
        assert word in str(stopped.value)
    assert row_versions(server.database_url, server.instance.id) == before
    noted = server.scalar(
        "SELECT error FROM ops.sync_runs WHERE instance_id = %s ORDER BY id DESC LIMIT 1", [server.instance.id]
    )
    assert noted == str(stopped.value)


def accepted(server: Mirror) -> None:
    server.refresh(accept_removals=True)
    assert not server.differences()
    # accepted once, it is the new state
    server.refresh()
    assert not server.differences()


def destroy_scenes(server: Mirror, number: int) -> None:
    server.sql(
        f"DELETE FROM scene_markers WHERE scene_id <= {number}",
        f"DELETE FROM scenes WHERE id <= {number}",
    )


def test_the_removal_limit_depends_on_count_and_share() -> None:
    assert [allowed(live) for live in (0, 10, 250, 251, 1000, 50_000)] == [50, 50, 50, 50, 200, 10_000]


@pytest.mark.parametrize("release", ["v0.20.2", pytest.param("v0.27", marks=pytest.mark.integration), "v0.30.1"])
def test_removing_more_than_50_objects_and_a_fifth_stops_the_run_before_it_writes(
    mirrored: MakeMirror, release: str
) -> None:
    server = mirrored(80, release)
    # with their files, which before v0.29 vanish with them
    destroy_scenes(server, 50 if release == "v0.30.1" else 45)
    server.sql("UPDATE tags SET name = name || ' x'")
    server.refresh()
    assert not server.differences()
    server = mirrored(80, release)
    destroy_scenes(server, 51)
    server.sql("UPDATE tags SET name = name || ' x'")
    refused(server, "51 of 80 scenes would be removed", server.instance.name)
    accepted(server)


def test_an_emptied_library_stops_the_run(mirrored: MakeMirror) -> None:
    server = mirrored(80)
    server.stash.library = Library.create()
    refused(server, "would be removed")
    accepted(server)


def test_other_objects_under_the_same_ids_stop_the_run(mirrored: MakeMirror) -> None:
    server = mirrored()
    server.stash.library = generated(40, seed=2)
    refused(server, "was created at", "ids belong to other")
    accepted(server)


def test_mass_removals_stop_the_run_even_if_as_many_objects_were_added(mirrored: MakeMirror) -> None:
    server = mirrored(80)
    server.sql(
        "PRAGMA foreign_keys = OFF",
        "UPDATE scenes SET id = id + 1000",
        "UPDATE scene_markers SET scene_id = scene_id + 1000",
    )
    with pytest.raises(SuspiciousServerError, match="80 of 80 scenes would be removed"):
        server.refresh(["scenes"])
    assert not server.dead_ids("scenes")


def test_a_smaller_schema_version_stops_the_run(warehouse: str, home: Path) -> None:
    library = generated(20)
    server = new_mirror(warehouse, home, library, "v0.30.1")
    server.refresh()
    server.stash = SimulatedStash(library, release="v0.27")
    refused(server, "schema version", "had 75")
    accepted(server)


def test_the_same_creation_time_with_another_offset_does_not_stop_the_run(mirrored: MakeMirror) -> None:
    """The same instants, written with another offset."""
    server = mirrored()
    server.sql("UPDATE scenes SET created_at = replace(created_at, 'Z', '+00:00'), title = title || '!'")
    server.refresh()
    assert not server.differences()
