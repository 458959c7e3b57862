"""A dry run reports what a sync would do, and changes nothing."""

from pathlib import Path

import pytest

from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.dry_run import dry_run
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.sync.safeguards import SuspiciousServerError
from stash_pipeline_tests.mirror.events import EVENTS, statements
from stash_pipeline_tests.mirror.library_events import happen
from stash_pipeline_tests.mirror.working import (
    URL,
    MakeMirror,
    Mirror,
    SimulatorTransport,
    generated,
    new_mirror,
    row_versions,
)


def predicted(server: Mirror, mode: Mode = "sweep", *, accept: bool = False) -> tuple[SyncResult, dict[str, list[str]]]:
    """The result of a dry run, which writes nothing, not even a record of itself."""
    client = StashClient(URL, transport=SimulatorTransport(server.stash))
    everything = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} AS t"
    ledgers = ["ops.instances", "ops.sync_runs", "ops.complete_reads", "ops.row_counts", "raw.pages", "raw.history"]
    before = (
        row_versions(server.database_url, server.instance.id),
        [server.scalar(everything.format(t)) for t in ledgers],
    )
    said = dry_run(
        server.settings,
        server.database_url,
        server.instance,
        list(BY_NAME),
        mode=mode,
        client=client,
        accept_removals=accept,
    )
    after = (
        row_versions(server.database_url, server.instance.id),
        [server.scalar(everything.format(t)) for t in ledgers],
    )
    assert after == before
    return said


@pytest.mark.parametrize("release", ["v0.20.2", pytest.param("v0.27", marks=pytest.mark.integration), "v0.30.1"])
def test_a_dry_run_predicts_exactly_what_the_sync_does(mirrored: MakeMirror, release: str) -> None:
    server = mirrored(40, release)
    seen, lines = predicted(server)
    assert not lines and not any(change.changed for change in seen.changes.values())
    for number, event in enumerate(EVENTS):
        server.sql(*statements(event, number))
    seen, lines = predicted(server, accept=True)
    done = server.read(accept_removals=True)
    for kind, change in done.changes.items():
        wanted = (change.inserted, change.updated, change.removed, change.unchanged, change.fields)
        found = seen.changes[kind]
        assert (found.inserted, found.updated, found.removed, found.unchanged, found.fields) == wanted, kind
        assert bool(lines.get(kind)) == change.changed, kind
    assert any(change.updated for change in done.changes.values())


def test_a_dry_run_of_changes_predicts_removals_and_additions(mirrored: MakeMirror) -> None:
    server = mirrored()
    happen(server.stash, "a tag is created", 1)
    # as many as before
    happen(server.stash, "a tag is destroyed", 1)
    seen, lines = predicted(server, "changes")
    assert (seen.changes["tags"].inserted, seen.changes["tags"].removed) == (1, 1)
    done = server.read(mode="changes")
    assert {kind: vars(change)["removed"] for kind, change in done.changes.items() if change.changed} == {
        kind: change.removed for kind, change in seen.changes.items() if change.changed
    }
    assert {kind for kind, told in lines.items() if told} == {
        kind for kind, change in done.changes.items() if change.changed
    }


def test_a_dry_run_lists_changes_per_object(mirrored: MakeMirror) -> None:
    server = mirrored()
    title = server.scalar("SELECT title FROM stash.scenes WHERE instance_id = %s AND id = 3", [server.instance.id])
    server.sql(
        "UPDATE scenes SET title = 'Another' WHERE id = 3",
        "DELETE FROM scene_markers WHERE id = (SELECT max(id) FROM scene_markers)",
        "INSERT INTO tags (id, name, created_at, updated_at)"
        " SELECT 9999, 'new', created_at, updated_at FROM tags LIMIT 1",
    )
    _, lines = predicted(server)
    assert lines["scenes"] == [f"3: title: {title} → Another"]
    assert [line.split(": ")[1] for line in lines["scene_markers"]] == ["removed"]
    assert lines["tags"] == ["9999: inserted"]


def test_a_dry_run_of_an_unsynced_instance_inserts_everything(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(20))
    seen, lines = predicted(server)
    assert seen.changes["scenes"].inserted == 20 and not lines
    assert seen.release == "v0.30.1"


def test_safeguards_stop_a_dry_run_like_a_sync(mirrored: MakeMirror) -> None:
    server = mirrored(60)
    server.stash.library = generated(60, seed=2)
    with pytest.raises(SuspiciousServerError):
        predicted(server)
    seen, _ = predicted(server, accept=True)
    assert seen.changes["scenes"].updated == 60
