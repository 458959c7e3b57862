"""The mirror of generated libraries equals the server's responses, for every kind of release."""

import re
from pathlib import Path

import pytest

from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.mirror.working import generated, new_mirror, row_versions

pytestmark = pytest.mark.faults

RELEASES = ("v0.20.2", "v0.24", "v0.27", "v0.28", "v0.29", "v0.30.1")


@pytest.mark.parametrize("release", RELEASES)
def test_the_first_sync_equals_the_server_and_the_second_writes_nothing(
    warehouse: str, home: Path, release: str
) -> None:
    server = new_mirror(warehouse, home, generated(120, seed=7), release)
    first, filled = server.refresh()
    assert not server.differences()
    assert not first.unmapped_fields
    assert all(change.unreadable == 0 for change in first.changes.values())
    assert filled.tables and all(change.first for change in filled.tables.values())
    before = row_versions(warehouse, server.instance.id)
    revision = server.scalar("SELECT revision FROM ops.instances WHERE id = %s", [server.instance.id])
    second, followed = server.refresh()
    assert row_versions(warehouse, server.instance.id) == before
    assert server.scalar("SELECT revision FROM ops.instances WHERE id = %s", [server.instance.id]) == revision
    assert not followed.tables
    assert not any(change.changed for change in second.changes.values())


@pytest.mark.parametrize("seed", [11, 12])
def test_other_libraries_are_mirrored_correctly(warehouse: str, home: Path, seed: int) -> None:
    server = new_mirror(warehouse, home, generated(60, seed=seed, timezone="America/Los_Angeles"))
    server.refresh()
    assert not server.differences()


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_an_empty_library_is_mirrored(warehouse: str, home: Path, release: str) -> None:
    from stash_pipeline.simulator.library import Library

    server = new_mirror(warehouse, home, Library.create(), release)
    _, transformed = server.refresh()
    assert not server.differences()
    assert len(transformed.tables) == 50
    server.refresh()
    assert not server.differences()


@pytest.mark.parametrize("release", ["v0.23", "v0.27", "v0.30.1"])
def test_the_legacy_text_of_a_saved_filter_is_kept_only_without_a_newer_form(
    warehouse: str, home: Path, release: str
) -> None:
    server = new_mirror(warehouse, home, generated(10), release)
    server.refresh(["saved_filters"])
    kept = server.scalar(
        "SELECT count(*) FROM stash.saved_filters WHERE instance_id = %s AND legacy_filter IS NOT NULL",
        [server.instance.id],
    )
    assert server.ids("saved_filters")
    assert kept == 0


@pytest.mark.parametrize("release", ["v0.20.2", "v0.24", "v0.27", "v0.30.1"])
def test_queries_use_no_deprecated_field_with_a_successor(warehouse: str, home: Path, release: str) -> None:
    asked: list[str] = []

    def listen(number: int, payload: dict[str, object]) -> None:
        asked.append(str(payload["query"]))

    server = new_mirror(warehouse, home, generated(10), release, hook=listen)
    server.read()
    schema = server.stash.engine.schema
    text = "\n".join(asked)
    words = set(re.findall(r"\w+", text))
    assert not {word for word in words if word.endswith("_count")} - {"play_count"}
    assert not words & {"sceneStreams", "stream", "apiKey", "api_key", "password"}
    for old, new, kind in (
        ("url", "urls", "Scene"), ("movies", "groups", "Scene"), ("twitter", "urls", "Performer"),
        ("url", "urls", "Performer"), ("zip_file_id", "zip_file", "VideoFile"),
        ("parent_folder_id", "parent_folder", "VideoFile"), ("url", "urls", "Image"), ("url", "urls", "Studio"),
        ("files", "visual_files", "Image"), ("filter", "find_filter", "SavedFilter"),
    ):  # fmt: skip
        query = "File" if kind == "VideoFile" else f"find{kind}"
        mine = {word for one in asked if query in one for word in re.findall(r"\w+", one.partition("Mirror")[2])}
        if new in schema.type_map[kind].fields:  # type: ignore[attr-defined]
            assert new in mine, (kind, new)
            assert old not in mine, (kind, old)


def test_libraries_with_shared_content_stay_separate(warehouse: str, home: Path) -> None:
    one = new_mirror(warehouse, home, generated(60, seed=1, overlap_seed=9))
    other = new_mirror(warehouse, home, generated(60, seed=2, overlap_seed=9), "v0.24")
    one.refresh()
    other.refresh()
    assert not one.differences()
    assert not other.differences()
    assert simulated_answers(one.stash).objects["scenes"] != simulated_answers(other.stash).objects["scenes"]
