"""Mirrors of recorded servers contain exactly the recorded values."""

import json
import sqlite3
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import Answer, ServerInfo
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.reader import Complete, DocumentBuilder, Page
from stash_pipeline.stash.response_page import RawPage
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.sync import loader as load
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.ops.sync_runs import end_run, start_run
from stash_pipeline.warehouse.raw.writer import RawWriter
from stash_pipeline_tests.mirror.answers import (
    recorded,
    recorded_answers,
    recorded_introspection,
    recorded_objects,
)
from stash_pipeline_tests.mirror.oracle import (
    Answers,
    Expected,
    count_mismatches,
    describe,
    expected_tables,
    inverse_mismatches,
    mismatches,
    moment,
)
from stash_pipeline_tests.mirror.working import register, settings_for
from stash_pipeline_tests.recordings import RELEASES, recorded_database

# What was not asked for when the answers were recorded, though the server has it.
CHAPTER_COLUMNS = [("gallery_chapters", name) for name in ("title", "image_index", "created_at", "updated_at")]
NOT_ASKED = {
    "v0.30.1": CHAPTER_COLUMNS,
    "v0.20.2": [
        *CHAPTER_COLUMNS,
        ("configuration", "database_path"),
        ("configuration", "generated_path"),
        # that release has these as well
        ("galleries", "cover_path"),
        ("images", "preview_path"),
    ],
}


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def check(warehouse: str, instance: Instance, answers: Answers, expected: Expected, release: str) -> None:
    with connect(warehouse) as connection:
        found = mismatches(connection, instance.id, expected, untold=NOT_ASKED[release])
        found += inverse_mismatches(connection, instance.id, answers)
        found += count_mismatches(connection, instance.id, answers)
    assert not found, describe(found)


def feed(warehouse: str, instance: Instance, release: str, reverse: bool = False) -> None:
    """Loads the recorded responses without a server."""
    plans = plan_library(ServerSchema({"__schema": recorded_introspection(release)}))
    readers = DocumentBuilder(plans, "")
    with connect(warehouse) as connection:
        run_id = start_run(connection, instance.id, dagster_run_id=None, mode="sweep", lane="graphql")
        loader = load.RawLoader(RawWriter(connection, instance.id, run_id))
        loader.start(ServerInfo(release, None, None), datetime.now(timezone.utc))
        for plan in plans.values():
            if plan.query:
                objects = recorded_objects(release, plan.query, plan.result)
                if reverse:
                    objects = [_reversed(value) for value in reversed(objects)]
                page = RawPage(plan, objects, {}, Answer({}, 1, 0.1, b""))
                loader.load([readers.page(page)])
        if readers.files_are_embedded:
            loader.load([Page("folders", {"folders": readers.collected_folders()}, {}, 0, 0.0, b"", 1)])
        for name in plans:
            loader.complete(Complete(name))
            loader.finish_entity(name, {"documents": b""})
        loader.remove_gone()
        end_run(connection, run_id, error=None)
        transform(connection, instance.id)


def _reversed(value: dict[str, Any]) -> dict[str, Any]:
    """The same object with its sets and fields in another order."""
    sets = {
        "tags", "performers", "galleries", "parents", "aliases", "alias_list", "stash_ids", "fingerprints",
        "groups", "movies", "play_history", "o_history", "captions",
    }  # fmt: skip
    return {
        name: list(reversed(found)) if name in sets and isinstance(found, list) else found
        for name, found in reversed(list(value.items()))
    }


def test_recorded_responses_reach_the_tables_value_by_value(warehouse: str, home: Path, release: str) -> None:
    instance = register(warehouse, home)
    feed(warehouse, instance, release)
    answers = recorded_answers(release)
    check(warehouse, instance, answers, expected_tables(answers), release)


def test_the_order_of_sets_and_fields_in_a_response_does_not_matter(warehouse: str, home: Path, release: str) -> None:
    instance = register(warehouse, home)
    feed(warehouse, instance, release)
    query = "SELECT sum(revision), count(*) FROM raw.scenes WHERE instance_id = %s"
    with connect(warehouse) as connection:
        before = connection.execute(query, [instance.id]).fetchone()
        revision = connection.execute("SELECT revision FROM ops.instances WHERE id = %s", [instance.id])
        head = revision.fetchone()
    feed(warehouse, instance, release, reverse=True)
    with connect(warehouse) as connection:
        assert connection.execute(query, [instance.id]).fetchone() == before
        revision = connection.execute("SELECT revision FROM ops.instances WHERE id = %s", [instance.id])
        assert revision.fetchone() == head


def test_mirroring_the_recorded_backup_over_http_gives_the_recorded_values(
    warehouse: str, home: Path, release: str
) -> None:
    library = Library.open(recorded_database(release))
    stash = SimulatedStash(library, release=release, timezone="Europe/Paris")
    with stash.running() as server:
        instance = register(warehouse, home, server.url)
        result = run_sync(settings_for(home, warehouse), warehouse, instance, list(BY_NAME))
    assert not result.unmapped_fields
    with connect(warehouse) as connection:
        transform(connection, instance.id)
    answers = recorded_answers(release)
    expected = expected_tables(answers)
    check(warehouse, instance, answers, expected, release)
    _check_chapters(warehouse, instance, recorded_database(release))


def _check_chapters(warehouse: str, instance: Instance, backup: Path) -> None:
    """Chapters were recorded by id only; the database of the server has the rest."""
    with sqlite3.connect(f"file:{backup}?mode=ro&immutable=1", uri=True) as sqlite:
        wanted = sqlite.execute(
            "SELECT gallery_id, id, title, image_index, created_at, updated_at FROM galleries_chapters ORDER BY id"
        ).fetchall()
    assert wanted
    with connect(warehouse) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT gallery_id, id, title, image_index, to_char(created_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ'),\n"
            "    to_char(updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ')\n"
            "FROM stash.gallery_chapters WHERE instance_id = %s ORDER BY id",
            [instance.id],
        ).fetchall()
    assert [(*row[:4], moment(row[4]), moment(row[5])) for row in found] == [
        (*row[:4], moment(row[4]), moment(row[5])) for row in wanted
    ]


def test_totals_of_a_recorded_server_equal_the_sums_of_the_tables(warehouse: str, home: Path) -> None:
    instance = register(warehouse, home)
    feed(warehouse, instance, "v0.30.1")
    stats = recorded("v0.30.1")["stats"]["response"]["data"]["stats"]
    with connect(warehouse) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM stash.scene_os WHERE instance_id = %(i)s)\n"
            "    + (SELECT coalesce(sum(o_counter), 0) FROM stash.images WHERE instance_id = %(i)s),\n"
            "    (SELECT count(*) FROM stash.scene_plays WHERE instance_id = %(i)s),\n"
            "    (SELECT count(DISTINCT scene_id) FROM stash.scene_plays WHERE instance_id = %(i)s),\n"
            "    (SELECT sum(play_duration) FROM stash.scenes WHERE instance_id = %(i)s)",
            {"i": instance.id},
        ).fetchone()
    assert row == (
        stats["total_o_count"],
        stats["total_play_count"],
        stats["scenes_played"],
        stats["total_play_duration"],
    )


def test_documents_of_a_recorded_server_contain_no_address_and_no_unreadable_value(
    warehouse: str, home: Path, release: str
) -> None:
    instance = register(warehouse, home)
    feed(warehouse, instance, release)
    with connect(warehouse) as connection:
        for kind in BY_NAME:
            row = connection.execute(
                f"SELECT count(*) FILTER (WHERE document::text LIKE '%%127.0.0.1%%'),\n"
                f"    count(*) FILTER (WHERE document ? 'unreadable') FROM raw.{kind} WHERE instance_id = %s",
                [instance.id],
            ).fetchone()
            assert row == (0, 0), kind


def test_documents_are_canonical_json_with_a_stable_hash(warehouse: str, home: Path, release: str) -> None:
    import hashlib

    instance = register(warehouse, home)
    feed(warehouse, instance, release)
    with connect(warehouse) as connection:
        rows = connection.execute(
            "SELECT document, hash FROM raw.scenes WHERE instance_id = %s", [instance.id]
        ).fetchall()
    assert rows
    for document, digest in rows:
        assert None not in document.values() and [] not in document.values() and {} not in document.values()
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.blake2b(text.encode(), digest_size=16).digest() == bytes(digest)
