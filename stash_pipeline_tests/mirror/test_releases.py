"""All releases give the same columns, an upgrade rewrites only changes, and new fields are reported."""

from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLField, GraphQLObjectType, GraphQLString
from typer.testing import CliRunner

from stash_pipeline.simulator.newest import CUSTOM_FIELDS
from stash_pipeline.simulator.schema import build_schema
from stash_pipeline.simulator.server import SimulatedStash, known_releases
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.working import Mirror, generated, new_mirror, row_versions

MINORS = [f"v0.{minor}" for minor in range(20, 32)]
SHOWN = ("v0.20", "v0.28", "v0.31")
"""From the oldest to the newest; the long runs look at all."""


def documents(server: Mirror) -> dict[str, dict[int, dict[str, Any]]]:
    """All live documents, by entity and id."""
    found = {}
    with connect(server.database_url) as connection:
        for kind in BY_NAME:
            rows = connection.execute(
                f"SELECT id, document FROM raw.{kind} WHERE instance_id = %s AND deleted_at IS NULL",
                [server.instance.id],
            )
            found[kind] = {row[0]: row[1] for row in rows.fetchall()}
    return found


def revisions(server: Mirror) -> dict[str, dict[int, int]]:
    """The revision that last wrote each document."""
    found = {}
    with connect(server.database_url) as connection:
        for kind in BY_NAME:
            rows = connection.execute(
                f"SELECT id, revision FROM raw.{kind} WHERE instance_id = %s", [server.instance.id]
            )
            found[kind] = {row[0]: row[1] for row in rows.fetchall()}
    return found


def test_every_minor_release_is_covered() -> None:
    assert sorted({name.rpartition(".")[0] for name in known_releases()}) == MINORS


@pytest.mark.parametrize(
    "release", [pytest.param(name, marks=[] if name in SHOWN else [pytest.mark.soak]) for name in MINORS]
)
def test_every_release_is_mirrored_and_a_second_sync_writes_nothing(warehouse: str, home: Path, release: str) -> None:
    # releases before v0.21 have no video clips among their images
    server = new_mirror(warehouse, home, generated(30, seed=4, clips=release != "v0.20"), release)
    first, _ = server.refresh()
    assert not server.differences()
    assert first.unmapped_fields == []
    assert all(change.unreadable == 0 and not change.failures for change in first.changes.values())
    before = row_versions(warehouse, server.instance.id)
    second, followed = server.refresh()
    assert not any(change.changed for change in second.changes.values())
    assert not followed.tables
    assert row_versions(warehouse, server.instance.id) == before


def test_fields_of_only_the_newest_release_are_mirrored(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(60, seed=4), "v0.31")
    server.refresh()
    assert not server.differences()
    for table, column, kind in CUSTOM_FIELDS.values():
        filled = server.scalar(
            f"SELECT count(*) FROM stash.{kind} WHERE instance_id = %s AND custom_fields IS NOT NULL",
            [server.instance.id],
        )
        assert filled == server.stash.library.scalar(f"SELECT count(DISTINCT {column}) FROM {table}"), kind
    for column, kind in (("organized", "studios"), ("career_start", "performers"), ("career_end", "performers")):
        condition = f"{column} IS NOT NULL" if kind == "performers" else column
        assert server.scalar(
            f"SELECT count(*) FROM stash.{kind} WHERE instance_id = %s AND {condition}", [server.instance.id]
        ) == server.stash.library.scalar(f"SELECT count(*) FROM {kind} WHERE {condition}")


@pytest.mark.faults
def test_an_upgrade_rewrites_only_documents_that_differ(warehouse: str, home: Path) -> None:
    server = new_mirror(warehouse, home, generated(30, seed=4, clips=False), MINORS[0])
    server.refresh()
    library = server.stash.library
    before, versions = documents(server), revisions(server)
    rewritten: dict[str, int] = {}
    for release in MINORS[1:]:
        server.stash = SimulatedStash(library, release=release)
        read, _ = server.refresh()
        assert not server.differences(), release
        after, later = documents(server), revisions(server)
        changes = 0
        for kind in BY_NAME:
            assert before[kind].keys() - after[kind].keys() == set(), (release, kind)
            for identifier, document in after[kind].items():
                really = before[kind].get(identifier) != document
                written = versions[kind].get(identifier) != later[kind][identifier]
                assert really == written, (release, kind, identifier)
                changes += really
            change = read.changes[kind]
            assert change.inserted + change.updated == sum(
                before[kind].get(identifier) != document for identifier, document in after[kind].items()
            )
        rewritten[release] = changes
        before, versions = after, later
    total = sum(map(len, before.values()))
    # releases that only renamed fields, or added empty ones, cost nothing
    for release in ("v0.22", "v0.24", "v0.27"):
        assert rewritten[release] <= total * 0.6, rewritten
    assert any(count < total * 0.1 for count in rewritten.values()), rewritten


def test_an_unmapped_field_is_recorded_and_shown_by_status(
    warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_mirror(warehouse, home, generated(5))
    build_schema.cache_clear()
    server.stash = SimulatedStash(server.stash.library)
    kind = server.stash.engine.schema.type_map["Performer"]
    assert isinstance(kind, GraphQLObjectType)
    kind.fields["shoe_size"] = GraphQLField(GraphQLString)
    try:
        assert server.read().unmapped_fields == ["performers.shoe_size"]
    finally:
        build_schema.cache_clear()
    noted = server.scalar(
        "SELECT unmapped_fields FROM ops.sync_runs WHERE instance_id = %s ORDER BY id DESC LIMIT 1",
        [server.instance.id],
    )
    assert noted == ["performers.shoe_size"]
    from stash_pipeline.cli import app

    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", warehouse)
    monkeypatch.setenv("STASH_PIPELINE_HOME", str(home))
    monkeypatch.setenv("COLUMNS", "300")
    shown = CliRunner().invoke(app, ["status"])
    assert shown.exit_code == 0, shown.output
    assert f"{server.instance.name} has unmapped fields: performers.shoe_size" in shown.output
