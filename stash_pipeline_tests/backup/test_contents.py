"""What a backup saves, by which programs, and where the rows of each table come from."""

from pathlib import Path

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_schema import SCHEMA
from stash_pipeline.warehouse.backup import programs
from stash_pipeline.warehouse.backup.contents import RUNS_SCHEMA, Origin, contents_table, origin_of
from stash_pipeline.warehouse.tables import METADATA

DOCS = Path(__file__).parents[2] / "docs"
URL = "postgresql://reader:s%20cret@127.0.0.1:5432/stash"


def test_a_newer_server_needs_newer_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The database is Postgres 99, which needs pg_dump of version 99 or newer"):
        programs.program("pg_dump", 990001)

    def printing(text: str) -> Path:
        path = tmp_path / "pg_dump"
        path.write_text(f"#!/bin/sh\necho '{text}'\n")
        path.chmod(0o755)
        return path

    # Debian appends its own version
    assert programs._version(printing("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)")) == 15
    assert programs._version(printing("pg_dump (PostgreSQL) 19beta1")) == 19
    assert programs._version(printing("something else")) is None
    # a server gets the program of its own version before a newer one
    found = ((Path("/new/pg_dump"), 18), (Path("/old/pg_dump"), 16))
    monkeypatch.setattr(programs, "_installed", lambda name: found)
    assert programs.program("pg_dump", 160002) == Path("/old/pg_dump")
    assert programs.program("pg_dump", 170000) == Path("/new/pg_dump")


def test_the_address_is_not_in_a_command_line() -> None:
    with programs._environment(URL) as environment:
        file = Path(environment["PGSERVICEFILE"])
        assert file.stat().st_mode & 0o777 == 0o600 and "password=s cret" in file.read_text()
    assert not file.exists()


def test_every_table_has_an_origin() -> None:
    origins = {name: origin_of(table) for name, table in METADATA.tables.items()}
    assert set(origins.values()) == set(Origin)
    assert origins["matches.decisions"].irreplaceable and not origins["raw.scenes"].irreplaceable
    assert RUNS_SCHEMA == SCHEMA


def test_backup_md_shows_the_origins() -> None:
    assert contents_table() in (DOCS / "backup.md").read_text("utf-8"), (
        "run python -m stash_pipeline.warehouse.backup.contents and put its output into docs/backup.md"
    )
