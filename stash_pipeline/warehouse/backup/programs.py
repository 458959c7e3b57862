"""Finds and runs ``pg_dump`` and ``pg_restore``.

Both must be at least as new as the server: the wheel has those of the private Postgres, and a newer server needs
others. Of several, the one of the server's own version is used, because archives of a newer ``pg_dump`` need a
newer ``pg_restore``. The address of the database reaches them in a file that only its owner can read, because the list
of processes shows command lines.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from stash_pipeline.errors import UserError
from stash_pipeline.settings import ENV_PREFIX, psycopg_url
from stash_pipeline.warehouse.embedded.programs import cause, programs_for

_PLACES: Final = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin")
_SERVICE: Final = "stash_pipeline"


def program(name: str, server_version: int) -> Path:
    """The program for a server; the version is a number like 150004 for 15.4.

    Raises:
        UserError: if there is none that is new enough.
    """
    return candidates(name, server_version)[0]


def candidates(name: str, server_version: int) -> list[Path]:
    """The programs that are new enough for a server, the oldest first; at least one.

    Raises:
        UserError: if there is none.
    """
    needed = server_version // 10000
    installed = sorted((version, order, path) for order, (path, version) in enumerate(_installed(name)))
    new_enough = [path for version, _, path in installed if version >= needed]
    if new_enough:
        return new_enough
    newest = f"the newest one here is of version {installed[-1][0]}" if installed else "there is none here"
    raise UserError(
        f"The database is Postgres {needed}, which needs {name} of version {needed} or newer, and {newest}; install "
        f"the programs of Postgres {needed} so that {name} is on the PATH."
    )


@cache
def _installed(name: str) -> tuple[tuple[Path, int], ...]:
    folders = []
    with suppress(UserError):
        folders.append(programs_for(None))
    folders += [Path(part) for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]
    for pattern in _PLACES:
        folders += sorted(Path("/").glob(pattern.lstrip("/")))
    versions: dict[Path, int] = {}
    for folder in folders:
        path = folder / name
        if path not in versions and os.access(path, os.X_OK) and path.is_file():
            version = _version(path)
            if version is not None:
                versions[path] = version
    return tuple(versions.items())


def _version(path: Path) -> int | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    # distributions append their own version in parentheses
    number = re.search(r"\(PostgreSQL\) (\d+)", answer)
    return int(number[1]) if number else None


@contextmanager
def _environment(url: str | None) -> Iterator[dict[str, str]]:
    """The environment of a program: libpq's variables and the address, without our own secrets."""
    variables = {name: value for name, value in os.environ.items() if not name.upper().startswith(ENV_PREFIX)}
    variables |= {"LC_ALL": "C"}
    if url is None:
        yield variables
        return
    parts = {name: value for name, value in conninfo_to_dict(psycopg_url(url)).items() if value is not None}
    with tempfile.TemporaryDirectory(prefix="stash-pipeline-") as folder:
        file = Path(folder) / "service.conf"
        file.touch(mode=0o600)
        file.write_text("\n".join([f"[{_SERVICE}]", *(f"{name}={value}" for name, value in parts.items())]) + "\n")
        yield {**variables, "PGSERVICEFILE": str(file)}


def run(
    path: Path, arguments: Sequence[object], *, url: str | None = None, failed: str, tolerated: str | None = None
) -> str:
    """Runs a program, and returns its output.

    Args:
        url: the address of the database for it.
        failed: the beginning of the sentence if it fails.
        tolerated: a part of errors that do not matter, if there is no other.

    Raises:
        UserError: if it fails.
    """
    database = [] if url is None else ["-d", f"service={_SERVICE}"]
    with _environment(url) as environment:
        try:
            done = subprocess.run(
                [str(path), *database, *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment,
                check=False,
            )
        except OSError as error:
            raise UserError(f"{failed}: {path} cannot be run ({error.strerror}).") from None
    if done.returncode != 0:
        errors = done.stderr.decode(errors="replace")
        serious = [
            line for line in errors.splitlines() if "error:" in line and (not tolerated or tolerated not in line)
        ]
        if serious or not tolerated or tolerated not in errors:
            raise UserError(f"{failed}: {cause(chr(10).join(serious) or errors)}.")
    return done.stdout.decode(errors="replace")
