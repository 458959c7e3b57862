"""Starts Dagster's processes one by one, for containers and for several hosts. This module does not import Dagster.

There are three: the code server, which loads the definitions and is the parent of every run; the web server; the
daemon. The last two reach the first by its address. The code server migrates the database; the others wait for that.
`supervisor.py` starts all three at once.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

import psycopg

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.code_server import END_ORPHANS
from stash_pipeline.runtime.daemon_lock import DaemonLock
from stash_pipeline.runtime.dagster_home import CODE_LOCATION, DEFINITIONS_MODULE, prepare_dagster_home
from stash_pipeline.runtime.supervisor import interruptible
from stash_pipeline.settings import Settings
from stash_pipeline.stash.snapshot.orphans import remove_orphaned_snapshots
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.migrate import is_newest, newest_revision, upgrade

_LOOK_SECONDS: Final = 0.5
_PATIENT_SECONDS: Final = 5.0
_STOP_SECONDS: Final = 20.0


def serve_code(
    settings: Settings, host: str, port: int, wait_seconds: float, module: str = DEFINITIONS_MODULE
) -> NoReturn:
    """Becomes the code server, once the database has the newest schema.

    Raises:
        UserError: if the database cannot be reached in time, or cannot be migrated.
    """
    url = _database(settings)
    _wait(lambda: _answers(url), wait_seconds, "")
    upgrade(url)
    remove_orphaned_snapshots(settings.snapshots)
    environment = _environment(settings)
    code = ("-m", module, "--location-name", CODE_LOCATION)
    # runs of a container that is gone would block their instances
    _become(environment, "stash_pipeline.runtime.code_server", END_ORPHANS, "-h", host, "-p", str(port), *code)


def serve_web(
    settings: Settings,
    code: str,
    host: str,
    port: int,
    wait_seconds: float,
    *,
    read_only: bool = False,
    path_prefix: str | None = None,
) -> NoReturn:
    """Becomes the web server, once the database has the newest schema.

    Raises:
        UserError: if that takes longer.
    """
    _wait_for_schema(_database(settings), wait_seconds)
    environment = _environment(settings)
    options = [*(["--read-only"] if read_only else []), *(["--path-prefix", path_prefix] if path_prefix else [])]
    workspace = _workspace(environment, "web", code)
    page = ("-h", host, "-p", str(port), "-w", workspace, "--db-pool-max-overflow", "5")
    _become(environment, "dagster_webserver", *page, *options)


def serve_daemon(settings: Settings, code: str, wait_seconds: float) -> None:
    """Runs the daemon, once the database has the newest schema, until Ctrl-C or SIGTERM.

    Raises:
        UserError: if another daemon serves the database, if the schema does not come, or if the daemon ends.
    """
    url = _database(settings)
    _wait_for_schema(url, wait_seconds)
    environment = _environment(settings)
    workspace = _workspace(environment, "daemon", code)
    with interruptible(), suppress(KeyboardInterrupt), DaemonLock(url) as lock:
        command = [sys.executable, "-m", "dagster._daemon", "run", "-w", workspace]
        with subprocess.Popen(command, env=environment, start_new_session=True) as daemon:
            try:
                while (exit_code := daemon.poll()) is None:
                    lock.keep()
                    time.sleep(_LOOK_SECONDS)
            finally:
                _stop(daemon)
            raise UserError(f"The daemon terminated unexpectedly (exit code {exit_code}); see what it printed before.")


def _database(settings: Settings) -> str:
    url = settings.database()
    if url is None:
        raise UserError(
            "Separate processes need a Postgres of their own: set STASH_PIPELINE_DATABASE_URL or "
            "STASH_PIPELINE_DATABASE_URL_FILE, or run `stash-pipeline up`, which starts everything."
        )
    return url


def _wait(condition: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """Waits until a condition holds; afterwards the last error of it counts, or the given sentence.

    Meanwhile, an error that lasts is printed once: a wrong password looks like a slow start otherwise.
    """
    begin = time.monotonic()
    end = begin + seconds
    printed: set[str] = set()
    while True:
        problem: UserError | None = None
        try:
            if condition():
                return
        except UserError as error:
            problem = error
        if time.monotonic() >= end:
            raise problem or UserError(otherwise)
        if problem and time.monotonic() >= begin + _PATIENT_SECONDS and str(problem) not in printed:
            printed.add(str(problem))
            print(f"Waiting up to {seconds:g} s, because: {problem}", file=sys.stderr, flush=True)
        time.sleep(_LOOK_SECONDS)


def _answers(url: str) -> bool:
    with connect(url) as connection:
        connection.execute("SELECT")
    return True


def _wait_for_schema(url: str, seconds: float) -> None:
    def ready() -> bool:
        try:
            return is_newest(url)
        except psycopg.OperationalError:
            return False

    _wait(
        ready,
        seconds,
        f"The database does not have schema {newest_revision()} of this version: start the code server of the same "
        "version, which migrates it, or run `stash-pipeline db upgrade`; if it has a newer one, install that version.",
    )


def _environment(settings: Settings) -> dict[str, str]:
    directory = prepare_dagster_home(settings.home)
    return {**os.environ, "DAGSTER_HOME": str(directory), "PYTHONUNBUFFERED": "1"}


def _workspace(environment: dict[str, str], name: str, code: str) -> str:
    """Writes a workspace.yaml with the address of the code server. JSON is valid YAML."""
    host, separator, port = code.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise UserError(f"{code!r} is not the address of a code server; it looks like code:4000.")
    server = {"host": host.strip("[]"), "port": int(port), "location_name": CODE_LOCATION}
    file = Path(environment["DAGSTER_HOME"]) / f"workspace-{name}.yaml"
    fresh = file.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
    fresh.replace(file)
    return str(file)


def _become(environment: dict[str, str], *arguments: str) -> NoReturn:
    """Replaces this process, so that signals and the exit code are Dagster's."""
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-m", *arguments]
    os.chdir(environment["DAGSTER_HOME"])
    os.execve(sys.executable, command, environment)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
