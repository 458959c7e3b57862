"""Starts Dagster's web server and daemon together, watches them, and ends them together.

There are three Dagster processes: a code server, which loads the definitions once and is the parent of every run; the
web server; the daemon. With a shared code server, the UI is available after 2 s instead of 3 to 4, and uses 100 MB less
than if the others start their own. This module does not import Dagster.

Each process has its own session: a Ctrl-C in a terminal reaches only this process, which ends the others in order, the
private Postgres last.
"""

import ctypes
import errno
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import make_home, make_private
from stash_pipeline.runtime.daemon_lock import DaemonLock
from stash_pipeline.runtime.dagster_home import CODE_LOCATION, DEFINITIONS_MODULE, prepare_dagster_home, socket_name
from stash_pipeline.runtime.readiness import readiness
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.embedded.server import is_private, running_server

LOCAL: Final = "127.0.0.1"

_START_SECONDS: Final = 180.0
_STOP_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.05
_LOG_BYTES: Final = 10 << 20
_PR_SET_PDEATHSIG: Final = 1

_LOADED: Final = "{workspaceOrError {... on Workspace {locationEntries {locationOrLoadError {__typename}}}}}"


@dataclass(frozen=True)
class Serving:
    """The running servers."""

    url: str
    database_url: str
    logs: Path
    children: "Sequence[Child]"
    lock: DaemonLock | None = None

    def check(self) -> None:
        """Raises UserError if one of them has ended, or if another daemon serves the database."""
        if self.lock is not None:
            self.lock.keep()
        for child in self.children:
            child.check()

    def wait(self) -> None:
        """Waits forever; raises UserError if one of them ends."""
        while True:
            self.check()
            time.sleep(0.2)


@dataclass(frozen=True)
class Child:
    """A started process, whose output goes to a log."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def check(self) -> None:
        """Raises UserError if it has ended."""
        code = self.process.poll()
        if code is not None:
            raise UserError(f"The {self.name} terminated unexpectedly (exit code {code}); see its log: {self.log}.")


def up(
    settings: Settings,
    *,
    host: str = LOCAL,
    port: int | None = None,
    open: bool = False,
    module: str = DEFINITIONS_MODULE,
) -> None:
    """Serves the UI until Ctrl-C or SIGTERM.

    Raises:
        UserError: if it cannot start, or one of its processes ends.
    """
    report_ready = readiness()
    servers = serving(settings, port, host=host, module=module)
    with interruptible(), suppress(KeyboardInterrupt), servers as running:
        print(f"Dagster's UI is at {running.url} (stop it with Ctrl-C).", flush=True)
        report_ready()
        if open:
            webbrowser.open(running.url)
        running.wait()


@contextmanager
def serving(
    settings: Settings, port: int | None = None, *, host: str = LOCAL, module: str = DEFINITIONS_MODULE
) -> Iterator[Serving]:
    """Runs the servers for the length of a block, once they respond. `module` has Dagster's definitions."""
    port = settings.ui_port if port is None else port
    require_free(host, port)
    with ExitStack() as stack:
        stack.enter_context(_alone(settings.home))
        database_url = settings.database() or stack.enter_context(
            running_server(settings.home, port=settings.private_port)
        )
        settings = settings.with_database(database_url)

        # imported here, so that `--help` and a busy port need not wait for it
        from stash_pipeline.stash.snapshot.orphans import remove_orphaned_snapshots
        from stash_pipeline.warehouse.migrate import upgrade

        upgrade(database_url)
        # the private Postgres is used with this home only, which `_alone` has
        lock = None if is_private(database_url, settings.home) else stack.enter_context(DaemonLock(database_url))
        remove_orphaned_snapshots(settings.snapshots)
        dagster_home = prepare_dagster_home(settings.home)
        environment = settings.child_environment(DAGSTER_HOME=str(dagster_home), PYTHONUNBUFFERED="1")
        # in /tmp, because the path of a socket must be short
        sockets = Path(tempfile.mkdtemp(prefix="stash-pipeline-", dir="/tmp"))
        stack.callback(shutil.rmtree, sockets, ignore_errors=True)
        code_socket = sockets / socket_name(settings.home)
        workspace = _write_workspace(dagster_home, code_socket)

        if settings.metrics_port is not None:
            from stash_pipeline.metrics.serve import serving_metrics

            stack.enter_context(serving_metrics(lambda: settings, LOCAL, settings.metrics_port))

        children: list[Child] = []
        # entered last, so that they end first
        stack.callback(_end, children)

        def start(name: str, *arguments: str) -> Child:
            log = _log_file(settings.home / "logs", name)
            child = Child(name, _spawn(arguments, environment, dagster_home, log), log)
            children.append(child)
            return child

        code = ("-m", module, "--location-name", CODE_LOCATION)
        start("code server", "stash_pipeline.runtime.code_server", "--socket", str(code_socket), *code)
        page = ("-h", host, "-p", str(port), "-w", str(workspace))
        start("web server", "dagster_webserver", *page, "--db-pool-max-overflow", "5")
        # before the daemon: orphaned runs would block its queue
        cleanup = start("clean-up", "stash_pipeline.runtime.orphaned_runs")
        _wait_until(lambda: cleanup.process.poll() == 0, children)
        children.remove(cleanup)
        _wait_until(lambda: _shows_our_definitions(host, port), children)
        # the module behind the command `dagster-daemon`, of the same Python installation
        start("daemon", "dagster._daemon", "run", "-w", str(workspace))
        if settings.live and module == DEFINITIONS_MODULE:
            start("live", "stash_pipeline.live")
        yield Serving(f"http://{host}:{port}", database_url, settings.home / "logs", tuple(children), lock)


# -- before the start ----------------------------------------------------------------------------------------


def require_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # like the web server: a port that was in use a moment ago is free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
                raise UserError(
                    f"{host} is no address of this machine; give --host one of its addresses, such as {LOCAL}."
                ) from error
            raise UserError(
                f"Port {port} of {host} is not available ({error.strerror}); stop the program that uses it, or choose "
                "another port with --port or STASH_PIPELINE_UI_PORT."
            ) from error


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Ensures that no other process serves this home, because two daemons would launch everything twice."""
    make_home(home)
    if not os.access(home, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        user, owner = os.geteuid(), home.stat().st_uid
        raise UserError(
            f"User {user} cannot write to the home {home}, which belongs to user {owner}: change its owner "
            f"(`chown {user} {home}`), or set STASH_PIPELINE_HOME to another directory."
        )
    with (home / ".serving").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"Another process already serves {home}; use its UI, or set STASH_PIPELINE_HOME to another directory."
            ) from None
        yield


def _write_workspace(dagster_home: Path, code_socket: Path) -> Path:
    """Writes a workspace.yaml that uses the shared code server. JSON is valid YAML."""
    server = {"socket": str(code_socket), "location_name": CODE_LOCATION}
    file = dagster_home / "workspace.yaml"
    file.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))
    return file


def _log_file(directory: Path, name: str) -> Path:
    make_private(directory)
    file = directory / f"{name.replace(' ', '-')}.log"
    if file.exists() and file.stat().st_size > _LOG_BYTES:
        file.replace(file.with_suffix(".old.log"))
    return file


# -- processes -----------------------------------------------------------------------------------------------


def _spawn(
    arguments: Sequence[str], environment: Mapping[str, str], directory: Path, log: Path
) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )


# loaded before the fork, because nothing may be imported between fork and exec
_LIBC: Final = ctypes.CDLL(None)


def _end_with_parent() -> None:
    """In the child on Linux: makes the system end it if the parent thread is killed."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until(condition: Callable[[], bool], children: Sequence[Child]) -> None:
    end = time.monotonic() + _START_SECONDS
    while not condition():
        for child in children:
            child.check()
        if time.monotonic() > end:
            raise UserError(f"Dagster does not respond; see its logs: {children[0].log.parent}.")
        time.sleep(_LOOK_SECONDS)


def _shows_our_definitions(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        as_json = {"Content-Type": "application/json"}
        connection.request("POST", "/graphql", json.dumps({"query": _LOADED}), as_json)
        answer = json.load(connection.getresponse())
        (entry,) = answer["data"]["workspaceOrError"]["locationEntries"]
        return bool(entry["locationOrLoadError"]["__typename"] == "RepositoryLocation")
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        # not started yet, or without its definitions
        return False
    finally:
        connection.close()


def _end(children: Sequence[Child]) -> None:
    """Ends the processes and all of their children, including runs; kills those that do not end in time."""
    ours = [_process(child.process.pid) for child in children]
    families = [ours, *([*process.children(recursive=True)] for process in ours if process is not None)]
    everyone = {process for family in families for process in family if process is not None}
    # a terminated run records the interruption, and the next daemon launches it again
    for process in everyone:
        with suppress(psutil.Error):
            process.terminate()
    _, alive = psutil.wait_procs(everyone, timeout=_STOP_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    for child in children:
        child.process.wait()


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


@contextmanager
def interruptible() -> Iterator[None]:
    """Handles SIGTERM like Ctrl-C, and ignores both after the first one while the processes end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        # runs and Postgres take some seconds to end; print() could be what the signal interrupted
        with suppress(OSError, ValueError, AttributeError):
            # Ctrl-C ends `tee` too
            os.write(sys.stderr.fileno(), b"Stopping ...\n")
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
