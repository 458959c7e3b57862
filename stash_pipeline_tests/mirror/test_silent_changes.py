"""The list of silent changes contains exactly the objects and fields that the syncs counted."""

import json
import random
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from stash_pipeline.instances import LaneName
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.raw.history import silent_changes
from stash_pipeline_tests.mirror.histories import furnished
from stash_pipeline_tests.mirror.library_events import EVENTS, NothingToDoError, happen
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror, run_command


def listed(server: Mirror, run_id: int) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """How often each entity, and each of its fields, is in the list of a run."""
    kinds: Counter[str] = Counter()
    fields: Counter[tuple[str, str]] = Counter()
    with connect(server.database_url) as connection:
        for change in silent_changes(connection, server.instance.id, run_id=run_id):
            kinds[change["entity"]] += 1
            fields.update((change["entity"], name) for name in change["fields"])
    return kinds, fields


def counted(read: SyncResult) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """The same, as the reading says."""
    kinds = Counter({name: change.silent_changes for name, change in read.changes.items() if change.silent_changes})
    return kinds, Counter(
        {(name, key): n for name, change in read.changes.items() for key, n in change.silent_fields.items()}
    )


@pytest.mark.parametrize(
    ("release", "lane"),
    [
        ("v0.20.2", "graphql"),
        ("v0.30.1", "snapshot"),
        pytest.param("v0.20.2", "snapshot", marks=pytest.mark.integration),
        pytest.param("v0.30.1", "graphql", marks=pytest.mark.integration),
    ],
)
def test_the_list_of_silent_changes_matches_the_counts(
    warehouse: str, home: Path, release: str, lane: LaneName
) -> None:
    rng = random.Random(f"{release} {lane}")
    server, clock = furnished(warehouse, home, release, scenes=20)
    server.read(lane=lane)
    able = sorted(name for name in EVENTS if EVENTS[name].possible(release))
    told = []
    for _ in range(3):
        for name in rng.sample(able, 25):
            clock.forward(minutes=rng.randint(0, 90))
            with suppress(NothingToDoError):
                happen(server.stash, name, rng.randrange(100))
        clock.forward(hours=3)
        read = server.read(lane=lane)
        told.append((read.run_id, *counted(read)))
    assert sum(kinds.total() for _, kinds, _ in told) > 20
    # later changes to the same objects leave the earlier entries as they were
    assert [(run, *listed(server, run)) for run, _, _ in told] == told


def run(server: Mirror, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    return run_command(server, monkeypatch, "silent-changes", *arguments)


def test_the_command_lists_silently_changed_objects(
    mirrored: MakeMirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = mirrored()
    name = server.instance.name
    assert run(server, monkeypatch, name) == 0
    assert "No object changed without its updated_at" in capsys.readouterr().out
    library = server.stash.library
    library.execute("UPDATE scenes SET title = 'Anew', updated_at = '2031-01-01T00:00:00Z' WHERE id = 3")
    library.execute("UPDATE scenes SET title = 'Anew' WHERE id = 4")
    library.execute("INSERT INTO scenes_o_dates VALUES (6, '2020-01-01T00:00:00Z')")
    read, _ = server.refresh()
    assert run(server, monkeypatch, name) == 0
    out = capsys.readouterr().out
    assert f"{name} scenes 4 (run {read.run_id}): title" in out and "scenes 3" not in out
    assert "2 changes without updated_at: scenes.title 1, scenes." in out
    assert run(server, monkeypatch, name, "--json", "--run", str(read.run_id), "--since", "1") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(line["instance"], line["entity"], line["id"]) for line in lines} == {(name, "scenes", n) for n in (4, 6)}
    assert run(server, monkeypatch, name, "--since", "0") == 0
    assert capsys.readouterr().out.count("No object changed") == 1
    assert run(server, monkeypatch, name, "--run", "999999999") == 1
    assert "There is no run 999999999 yet" in capsys.readouterr().err
    assert run(server, monkeypatch, "nowhere") == 1
    said = capsys.readouterr().err
    assert "There is no instance 'nowhere'" in said and len(said.strip().splitlines()) == 1
