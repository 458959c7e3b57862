"""Asset checks of a run, and retries of runs that fail on the network."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.assets.checks import checks_of
from stash_pipeline.runtime.in_process import RunResult, run_job
from stash_pipeline.settings import get_settings, settings_in_use
from stash_pipeline.simulator.faults import Faults
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.sync import verify
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities import integrity
from stash_pipeline_tests.assets.running import checks, fill, library, refresh, registered
from stash_pipeline_tests.conftest import as_superuser

pytestmark = pytest.mark.integration

ALL = {
    "counts_match_server",
    "sample_matches_server",
    "documents_match_hashes",
    "instances_are_fresh",
    "no_orphans",
    "watermark_at_head",
    "is_current",
}
OF_SHARED_LAYERS = {
    "every_object_has_one_cluster",
    "scenes_of_one_instance_are_proven",
    "decisions_agree",
    "automatic_links_are_right",
    "automatic_matches_are_right",
    "one_scene_of_a_box_is_accepted",
    "records_equal_clusters",
    "every_object_is_reachable",
    "references_have_targets",
    "counts_equal_catalog",
    "counts_equal_documents",
    "sample_finds_itself",
}
IN_A_SWEEP = {"sweep_found_nothing", "tables_match_rebuild", *OF_SHARED_LAYERS}


def test_a_refresh_evaluates_all_planned_checks_that_apply(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    def messages(run: RunResult) -> list[str]:
        return [entry.user_message for entry in dagster.all_logs(run.run_id) if not entry.is_dagster_event]

    with registered(dagster, graph_database, graph_home, "checked", SimulatedStash(library(20))):
        run = refresh(dagster, "checked")
        first = checks(dagster, run.run_id)
        assert set(first) == ALL | {"tables_match_rebuild", *OF_SHARED_LAYERS}
        assert all(passed for passed, _ in first.values()), first
        assert first["sample_matches_server"][1]["objects"] >= 40
        # the log of the run ends with what was not evaluated, in words
        *_, matches, duplicates, catalog, search, index, last = messages(run)
        rebuilt = [f"Layer {name} was rebuilt." for name in ("matches", "duplicates", "catalog", "search")]
        assert [matches, duplicates, catalog, search] == rebuilt
        assert index.startswith("The search index was rebuilt, because")
        assert "Not evaluated" in last and last.endswith(": sweep_found_nothing.")
        # launched in the page without a choice, all are planned
        changes = checks(dagster, refresh(dagster, "checked", mode="changes").run_id)
        assert set(changes) == ALL
        # as the sensor asks for it
        run = run_job(
            "refresh",
            instance=dagster,
            partition_key="checked",
            run_config={"ops": {"sync_instance": {"config": {"mode": "changes"}}}},
            checks=checks_of("changes"),
        )
        assert set(checks(dagster, run.run_id)) == {"counts_match_server", "watermark_at_head", "is_current"}
        run = refresh(dagster, "checked", mode="sweep")
        sweep = checks(dagster, run.run_id)
        assert set(sweep) == ALL | IN_A_SWEEP
        assert all(passed for passed, _ in sweep.values()), sweep
        assert messages(run) == []
        objects = checks(dagster, refresh(dagster, "checked", mode="objects", entities=["scenes"], ids=[1]).run_id)
        assert set(objects) == {"watermark_at_head", "no_orphans", "is_current"}
        assert messages(refresh(dagster, "checked", mode="changes", dry_run=True)) == []


def test_sample_and_sweep_detect_a_wrong_document(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with registered(dagster, graph_database, graph_home, "wrong", SimulatedStash(library(20))) as instance:
        fill(instance)
        with connect(graph_database) as connection:
            # as a defect of ours would leave it: stamped as on the server, and not what the server has
            connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [instance.id])
            connection.execute(
                "UPDATE raw.scenes SET document = document || '{\"title\": \"wrong\"}', hash = 'wrong',\n"
                "    revision = (SELECT revision FROM ops.instances WHERE id = instance_id) WHERE instance_id = %s",
                [instance.id],
            )
        # a snapshot of the database would show all of it
        found = checks(dagster, refresh(dagster, "wrong", mode="reconcile", lane="graphql").run_id)
        passed, metadata = found["sample_matches_server"]
        assert not passed and "title: wrong →" in metadata["details"]
        found = checks(dagster, refresh(dagster, "wrong", mode="sweep", lane="graphql").run_id)
        assert found["sample_matches_server"][0]
        passed, metadata = found["sweep_found_nothing"]
        assert not passed and metadata["by_entity"] == "scenes 20"


def test_sweep_checks_detect_rows_changed_in_the_database(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    with registered(dagster, graph_database, graph_home, "damaged", SimulatedStash(library(20))) as instance:
        fill(instance)
        with connect(graph_database) as connection:
            connection.execute(
                'UPDATE raw.tags SET document = document || \'{"name": "Ã¤"}\' WHERE instance_id = %s AND id = 2',
                [instance.id],
            )
            connection.execute("UPDATE stash.scenes SET title = 'x' WHERE instance_id = %s AND id = 3", [instance.id])
        # an hour's reconcile sees no difference with the server: hashes are those of what was read
        found = checks(dagster, refresh(dagster, "damaged", mode="reconcile", lane="graphql").run_id)
        assert "tables_match_rebuild" not in found
        found = checks(dagster, refresh(dagster, "damaged", lane="graphql").run_id)
        passed, metadata = found["documents_match_hashes"]
        assert not passed and metadata["details"] == "raw.tags 2: document differs from what was stored"
        passed, metadata = found["tables_match_rebuild"]
        assert not passed and "scenes id 3: title differs" in metadata["details"]


def test_an_extra_document_fails_the_run(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registered(dagster, graph_database, graph_home, "many", SimulatedStash(library(12))) as instance:
        fill(instance)

        def one_more(*arguments: Any) -> dict[str, tuple[int, int]]:
            return {"scenes": (13, 12)}

        monkeypatch.setattr(verify, "count_differences", one_more)
        run = refresh(dagster, "many", mode="changes")
        assert not run.success
        passed, metadata = checks(dagster, run.run_id)["counts_match_server"]
        assert not passed and metadata["differing"] == "scenes 13 stored, 12 on the server"


def test_checks_report_dangling_references_and_counts(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(12))
    with registered(dagster, graph_database, graph_home, "orphans", stash) as instance:
        fill(instance)
        with connect(as_superuser(graph_database)) as connection:
            assert integrity.dangling_references(connection, instance.id) == {}
            # foreign keys are triggers: this is what a table without them would hold
            connection.execute("SET session_replication_role = replica")
            connection.execute("DELETE FROM stash.tags WHERE instance_id = %s AND id = 1", [instance.id])
            found = integrity.dangling_references(connection, instance.id)
            assert found["scene_tags.tag_id"] > 0 and "scene_tags.scene_id" not in found
            connection.execute("UPDATE ops.row_counts SET rows = rows + 1 WHERE instance_id = %s", [instance.id])
            with instance.client(get_settings()) as client:
                from stash_pipeline.stash.probing import probe, probe_document, read_probe
                from stash_pipeline.stash.query_plan import plan_library

                document = probe_document(plan_library(client.introspect()))
                now = read_probe(probe(client, document))
                differing = verify.count_differences(connection, instance.id, ["tags"], now, lambda: client, document)
            count = stash.library.scalar("SELECT count(*) FROM tags")
            assert differing == {"tags": (count + 1, count)}


def test_an_instance_without_a_refresh_is_stale(graph_database: str, graph_home: Path) -> None:
    from stash_pipeline.instances import add_instance

    with connect(graph_database) as connection:
        add_instance(connection, "asleep", "http://127.0.0.1:1", home=graph_home)
        names = [one["instance"] for one in verify.stale_instances(connection, 6)]
        assert "asleep" not in names, "it was only just registered"
        connection.execute("UPDATE ops.instances SET created_at = now() - interval '7 hours' WHERE name = 'asleep'")
        names = [one["instance"] for one in verify.stale_instances(connection, 6)]
        assert "asleep" in names
        connection.execute("DELETE FROM ops.instances WHERE name = 'asleep'")


def retries(dagster: dg.DagsterInstance, run_id: str) -> int:
    return len(dagster.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY).records)


def unattended(dagster: dg.DagsterInstance, name: str) -> Any:
    """A run as the daemon starts it, without waiting for its end."""
    return run_job("refresh", instance=dagster, partition_key=name, tags={"dagster/max_retries": "1"})


def test_a_run_that_fails_on_the_network_is_retried(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RetryPolicy, "pause_before_run", lambda *_: 0.01)
    stash = SimulatedStash(library(12))
    with registered(dagster, graph_database, graph_home, "flaky", stash) as instance:
        fill(instance)
        stash.faults = Faults.of("5xx:next=100")
        run = unattended(dagster, "flaky")
        assert not run.success and retries(dagster, run.run_id) == get_settings().network_retries
        assert "answered 5" in (run.failure or "")
        attended = refresh(dagster, "flaky")
        assert not attended.success and retries(dagster, attended.run_id) == 0
        stash.faults = None
        assert unattended(dagster, "flaky").success


def test_a_run_that_the_safeguards_stop_is_not_retried(
    dagster: dg.DagsterInstance, graph_database: str, graph_home: Path
) -> None:
    stash = SimulatedStash(library(80))
    with registered(dagster, graph_database, graph_home, "emptied", stash) as instance:
        fill(instance)
        stash.library.execute("DELETE FROM scene_markers")
        stash.library.execute("DELETE FROM scenes")
        run = unattended(dagster, "emptied")
        assert not run.success and "--accept-removals" in (run.failure or "")
        assert retries(dagster, run.run_id) == 0


def test_the_sample_check_can_be_disabled(dagster: dg.DagsterInstance, graph_database: str, graph_home: Path) -> None:
    with registered(dagster, graph_database, graph_home, "unsampled", SimulatedStash(library(12))) as instance:
        fill(instance)
        with settings_in_use(get_settings().model_copy(update={"sample_objects": 0})):
            found = checks(dagster, refresh(dagster, "unsampled", mode="reconcile").run_id)
        assert set(found) == (ALL | OF_SHARED_LAYERS) - {"sample_matches_server"}
