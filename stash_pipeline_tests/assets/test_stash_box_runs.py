"""Runs that read a stash-box: what they materialize, what its metadata says, and when its checks warn."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.partitions import BOXES, sync_partitions
from stash_pipeline.runtime.in_process import RunResult, run_job
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stashbox_registry import StashBoxEndpoint, add_endpoint, edit_endpoint, get_endpoint
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.stashbox.checks import answers_are_kept
from stash_pipeline_tests.assets.running import checks, fill, library, materializations, registered
from stash_pipeline_tests.stashbox.conftest import unhurried

__all__ = ["unhurried"]

KEY = "not-a-real-key"
ENTITIES = {"scenes", "performers", "studios", "tags"}


@dataclass
class BoxOfOne:
    """A box that knows the file of one scene, and to which one performer is linked."""

    dagster: dg.DagsterInstance
    database: str
    home: Path
    instance: Instance
    simulated: SimulatedStashBox
    endpoint: StashBoxEndpoint
    scene: str
    performer: str
    performer_id: int

    def run(self, **config: Any) -> RunResult:
        """Reads the box, as the job does."""
        run = run_job(
            "stash_boxes",
            instance=self.dagster,
            partition_key="kitebox",
            run_config={"ops": {"read_stash_box": {"config": config}}},
        )
        assert run.success, run.failure
        return run

    def execute(self, statement: str) -> None:
        """Changes the database directly."""
        with connect(self.database) as connection:
            connection.execute(statement)


@pytest.fixture
def box(dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, unhurried: None) -> Iterator[BoxOfOne]:
    content = Box.create()
    simulated = SimulatedStashBox(content, api_key=KEY)
    with (
        registered(dagster, graph_database, graph_home, "linked", SimulatedStash(library(8))) as instance,
        simulated.running() as running,
        connect(graph_database) as connection,
    ):
        fill(instance)
        connection.execute("DELETE FROM stash.performer_stash_ids")
        endpoint_id = add_endpoint(connection, "kitebox", running.url, home=graph_home, api_key=KEY).id
        sync_partitions(dagster, ["kitebox"], BOXES)
        scene, performer = content.add_scene("Kites", duration=600), content.add_performer("Anna Marlow")
        (oshash,) = connection.execute(
            "SELECT min(value) FROM stash.file_fingerprints WHERE type = 'oshash'"
        ).fetchone() or ("",)
        content.submit(scene, "OSHASH", oshash, 600, users=2)
        (number,) = connection.execute("SELECT min(id) FROM stash.performers").fetchone() or (0,)
        connection.execute(
            "INSERT INTO stash.performer_stash_ids (instance_id, performer_id, endpoint, stash_id)\n"
            "VALUES (%s, %s, %s, %s)",
            [instance.id, number, running.url, performer],
        )
        endpoint = get_endpoint(connection, "kitebox")
        assert endpoint.id == endpoint_id
        yield BoxOfOne(dagster, graph_database, graph_home, instance, simulated, endpoint, scene, performer, number)
        connection.execute("DELETE FROM ops.stashbox_endpoints")
        connection.execute("DELETE FROM ops.instances")


def test_a_run_says_what_was_due_asked_and_found_and_what_is_left_of_the_day(box: BoxOfOne) -> None:
    run = box.run()
    found = materializations(box.dagster, run.run_id)
    requests = len(box.simulated.requests.all())
    lookups = found["stashbox.lookups"]
    assert lookups["due"] == lookups["asked"] == lookups["dagster/partition_row_count"] > 0
    assert lookups["answered_with_data"] == 1
    assert (lookups["requests"], lookups["requests_used_today"]) == (requests, requests)
    assert lookups["requests_left_today"] == (box.endpoint.requests_per_day or 0) - requests
    assert lookups["box_version"] == "v0.10.2"
    assert lookups["fields_the_box_lacks"] == lookups["failures"] == "none"
    assert found["stashbox.performers"]["asked"] == found["stashbox.performers"]["answered_with_data"] == 1
    assert found["stashbox.scenes"]["dagster/partition_row_count"] == 1
    passed = {name: outcome[0] for name, outcome in checks(box.dagster, run.run_id).items()}
    assert passed == dict.fromkeys(("answers_are_kept", "budget_suffices", "ids_are_live", "documents_are_fresh"), True)
    again = box.run()
    assert materializations(box.dagster, again.run_id) == {}
    assert len(box.simulated.requests.all()) == requests


def test_ids_that_the_box_merged_are_listed_with_their_successors(box: BoxOfOne) -> None:
    box.run()
    successor = box.simulated.box.add_performer("Anna M.")
    box.simulated.box.merge("performer", box.performer, successor)
    run = box.run(document_days=0.0)
    passed, metadata = checks(box.dagster, run.run_id)["ids_are_live"]
    assert not passed and metadata["ids"] == 1
    sentence = f"performers linked:{box.performer_id}: {box.performer} is merged into {successor}"
    assert metadata["examples"] == sentence


def test_a_day_without_requests_left_is_said_with_the_age_of_the_records(box: BoxOfOne) -> None:
    box.run()
    box.execute("UPDATE stashbox.performers SET fetched_at = fetched_at - interval '30 days'")
    box.execute("UPDATE stashbox.lookups SET asked_at = asked_at - interval '300 days'")
    with connect(box.database) as connection:
        edit_endpoint(connection, "kitebox", home=box.home, requests_per_day=1)
    before = len(box.simulated.requests.all())
    run = box.run()
    assert len(box.simulated.requests.all()) == before
    outcomes = checks(box.dagster, run.run_id)
    passed, metadata = outcomes["budget_suffices"]
    assert not passed and metadata["left"] > 0
    passed, metadata = outcomes["documents_are_fresh"]
    assert not passed and metadata["performers_outdated"] == 1 and metadata["scenes_outdated"] == 0


def test_hashes_that_lost_their_scenes_fail_a_check(box: BoxOfOne) -> None:
    box.run()
    scenes = [box.simulated.box.add_scene(f"Kites {number}", duration=600) for number in range(6)]
    with connect(box.database) as connection:
        oshashes = [
            row[0]
            for row in connection.execute(
                "SELECT DISTINCT value FROM stash.file_fingerprints WHERE type = 'oshash' ORDER BY 1 OFFSET 1 LIMIT 6"
            )
        ]
    assert len(oshashes) == len(scenes)
    for scene, oshash in zip(scenes, oshashes, strict=True):
        box.simulated.box.submit(scene, "OSHASH", oshash, 600, users=2)
    assert checks(box.dagster, box.run(unmatched_days=0.0).run_id)["answers_are_kept"][0]
    for scene in scenes:
        box.simulated.box.destroy("scene", scene)
    passed, metadata = checks(box.dagster, box.run(matched_days=0.0, document_days=30.0).run_id)["answers_are_kept"]
    assert not passed and metadata == {"asked_again": 7, "lost": 6}


@pytest.mark.parametrize(
    ("asked", "lost", "passed"), [(0, 0, True), (10, 4, True), (10, 5, False), (1000, 10, True), (1000, 11, False)]
)
def test_a_few_lost_answers_are_life_and_many_are_not(asked: int, lost: int, passed: bool) -> None:
    assert answers_are_kept(asked, lost).passed is passed
