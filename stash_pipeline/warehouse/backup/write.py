"""Writes a backup: an archive of ``pg_dump`` in its custom format, and a manifest next to it.

The manifest says what the archive must hold. Its row counts are of the very snapshot that ``pg_dump`` reads, so that
syncs can go on meanwhile. The archive alone can be restored, too, also by ``pg_restore`` itself.
"""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.layers import schemas
from stash_pipeline.warehouse.backup.contents import RUNS_SCHEMA
from stash_pipeline.warehouse.backup.programs import program, run
from stash_pipeline.warehouse.connect import Connection, connect

SUFFIX: Final = ".backup"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a backup holds.

    Attributes:
        revision: of the migrations.
        schemas: that were saved.
        rows: per table, as schema.table; partitions count separately.
        roles: that have privileges on the tables.
        bytes, sha256: of the archive.
    """

    created_at: str
    stash_pipeline: str
    postgres: int
    revision: str
    schemas: list[str] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    bytes: int = 0
    sha256: str = ""
    python: str = platform.python_version()


@dataclass(frozen=True)
class Backup:
    """A backup that was written."""

    file: Path
    manifest: Manifest
    stored_keys: int
    """Rows with keys or headers that only the key file can decrypt."""


def manifest_of(file: Path) -> Path:
    """The manifest of an archive."""
    return file.with_name(f"{file.name}.json")


def default_name() -> str:
    """The name of a new backup."""
    return f"stash-pipeline-{datetime.now(timezone.utc):%Y%m%d-%H%M%S}{SUFFIX}"


def back_up(url: str, file: Path, *, runs: bool = True) -> Backup:
    """Writes a backup of a migrated database.

    Args:
        file: must not exist; it appears when it is complete.
        runs: also save Dagster's runs.

    Raises:
        UserError: if the file exists or cannot be written, or `pg_dump` fails; the message says why.
    """
    if file.exists():
        raise UserError(f"{file} exists; choose another name, or remove it.")
    partial = file.with_name(f".{file.name}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # only its owner may read it, from the first byte on
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        with connect(url) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
            saved = _schemas(connection, runs)
            server = connection.info.server_version
            _dump(url, server, partial, saved, snapshot)
            (revision,) = connection.execute("SELECT version_num FROM ops.alembic_version").fetchone() or ("",)
            manifest = Manifest(
                datetime.now(timezone.utc).isoformat(timespec="seconds"),
                version("stash-pipeline"),
                server,
                revision,
                saved,
                count_rows(connection, saved),
                _roles(connection, saved),
                *_fingerprint(partial),
            )
            keys = stored_keys(connection)
        # pg_restore reads the table of contents of a whole archive only
        run(program("pg_restore", server), ["--list", partial], failed="The backup cannot be read back")
        note = manifest_of(file)
        _write_private(note, json.dumps(asdict(manifest), indent=2) + "\n")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.rename(file)
    except OSError as error:
        raise UserError(
            f"The backup {file} cannot be written ({error.strerror}); free some space, or choose another folder with "
            "--out."
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if not file.exists():
            with suppress(OSError):
                manifest_of(file).unlink(missing_ok=True)
    return Backup(file, manifest, keys)


def _dump(url: str, server: int, file: Path, saved: Sequence[str], snapshot: str) -> None:
    arguments = ["--format=custom", f"--snapshot={snapshot}", f"--file={file}", "--no-owner"]
    arguments += [f"--schema={name}" for name in saved]
    run(program("pg_dump", server), arguments, url=url, failed="The backup failed")


def _schemas(connection: Connection, runs: bool) -> list[str]:
    names = [*schemas(), *([RUNS_SCHEMA] if runs else [])]
    rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", [names]).fetchall()
    existing = {row[0] for row in rows}
    return [name for name in names if name in existing]


def count_rows(connection: Connection, saved: Sequence[str]) -> dict[str, int]:
    """The rows of every table that has rows of its own, by schema.table."""
    names = connection.execute(
        "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
        "WHERE c.relkind = 'r' AND n.nspname = ANY(%s) ORDER BY 1, 2",
        [list(saved)],
    ).fetchall()
    counts = {}
    for schema, name in names:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, name))
        counts[f"{schema}.{name}"] = int((connection.execute(query).fetchone() or (0,))[0])
    return counts


def _roles(connection: Connection, saved: Sequence[str]) -> list[str]:
    """The roles other than the owner that have privileges."""
    rows = connection.execute(
        "SELECT DISTINCT r.rolname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
        "CROSS JOIN LATERAL aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee\n"
        "WHERE n.nspname = ANY(%(s)s) AND a.grantee <> c.relowner\n"
        "UNION SELECT r.rolname FROM pg_namespace AS n CROSS JOIN LATERAL aclexplode(n.nspacl) AS a\n"
        "JOIN pg_roles AS r ON r.oid = a.grantee WHERE n.nspname = ANY(%(s)s) AND a.grantee <> n.nspowner ORDER BY 1",
        {"s": list(saved)},
    )
    return [row[0] for row in rows.fetchall()]


def stored_keys(connection: Connection) -> int:
    """The servers with keys or headers that only the key file can decrypt."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM ops.instances WHERE api_key_encrypted IS NOT NULL OR headers_encrypted IS NOT "
        "NULL)\n    + (SELECT count(*) FROM ops.stashbox_endpoints WHERE api_key_encrypted IS NOT NULL)"
    ).fetchone()
    return int(row[0]) if row else 0


def _fingerprint(file: Path) -> tuple[int, str]:
    """Size and hash of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return file.stat().st_size, digest.hexdigest()


def _write_private(file: Path, content: str) -> None:
    with os.fdopen(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as stream:
        stream.write(content)


def read_manifest(file: Path) -> Manifest | None:
    """The manifest of an archive; None if there is none.

    Raises:
        UserError: if it is not a manifest, or the archive is another one.
    """
    note = manifest_of(file)
    try:
        values: dict[str, Any] = json.loads(note.read_text("utf-8"))
        manifest = Manifest(**values)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise UserError(f"{note} is not the manifest of a backup; move it away to restore {file} without it.") from None
    if _fingerprint(file) != (manifest.bytes, manifest.sha256):
        raise UserError(
            f"{file} is damaged: it is not the file that its manifest {note.name} describes; copy it again, or restore "
            "another backup."
        )
    return manifest
