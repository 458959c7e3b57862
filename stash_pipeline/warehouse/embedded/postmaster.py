"""The running server of a data directory: its process, its port and its socket, by the files that Postgres writes."""

import hashlib
import os
import time
from pathlib import Path
from typing import Final

import psutil

LOCAL: Final = "127.0.0.1"
SOCKET: Final = ".s.PGSQL.5432"

_PORT_LINE: Final = 3
# sockaddr_un has 108 bytes on Linux and 104 on macOS, including the final zero
_LONGEST_SOCKET_PATH: Final = 103
_ORPHAN_SECONDS: Final = 15


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


def postmaster(data: Path) -> psutil.Process | None:
    """The running server of a data directory."""
    number = _pid_in(data / "postmaster.pid")
    if number is None:
        return None
    try:
        process = psutil.Process(number)
    except psutil.Error:
        return None
    return process if _serves(process, data) else None


def port_of(data: Path) -> int | None:
    """The port of 127.0.0.1 on which the running server listens, if any."""
    lines = _lines_of(data / "postmaster.pid")
    # number, data, start, port, socket, first address
    listens = len(lines) > _PORT_LINE + 2 and lines[_PORT_LINE + 2] == LOCAL
    return int(lines[_PORT_LINE]) if listens and postmaster(data) is not None else None


def socket_directory(data: Path) -> Path:
    """The data directory, which only its owner can enter, or a directory in /tmp if its path is too long."""
    if len(os.fsencode(data / SOCKET)) <= _LONGEST_SOCKET_PATH:
        return data
    name = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path("/tmp") / f"stash-pipeline-{os.geteuid()}-{name}"


def link_socket(data: Path) -> None:
    """Makes the address of the socket independent of the port, by which Postgres names the socket."""
    lines = _lines_of(data / "postmaster.pid")
    name = f".s.PGSQL.{lines[_PORT_LINE]}" if len(lines) > _PORT_LINE else SOCKET
    if name != SOCKET:
        link = socket_directory(data) / SOCKET
        link.unlink(missing_ok=True)
        link.symlink_to(name)


def remove_foreign_pid_files(data: Path) -> None:
    """Removes lock files of a dead server whose pid now belongs to another program or a zombie.

    Postgres removes stale files itself, but not these. They are common in containers, where pids repeat and zombies
    are not reaped, and would prevent the server from ever starting.
    """
    files = (data / "postmaster.pid", *socket_directory(data).glob(".s.PGSQL.*.lock"))
    numbers = [_pid_in(file) for file in files]
    if not any(number is not None and psutil.pid_exists(number) for number in numbers):
        return
    # waits until the children of a killed server have ended, because they still write
    end = time.monotonic() + _ORPHAN_SECONDS
    while any(_serves(process, data) for process in psutil.process_iter()):
        if time.monotonic() > end:
            return
        time.sleep(0.05)
    for file in files:
        file.unlink(missing_ok=True)
