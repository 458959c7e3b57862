"""The private Postgres for processes that nobody of ours starts and ends: those of `dagster dev`.

Such a process joins the server on first use and holds it until its end, however that comes: its `flock` goes with it.
So nobody knows who is the last, and a killed process stops nothing. A keeper does: one small process per home, in a
session of its own, that waits for that lock and stops the server when nobody holds it any more. Not here: starting
and stopping (`embedded`).
"""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

# Nothing of ours or of others: the keeper, which runs as long as the server does, needs no more than these.

_LOCK_FILE = ".postgres.keeper"
_USERS_FILE = ".postgres.users"

_joined: dict[Path, object] = {}
_keepers: list["subprocess.Popen[bytes]"] = []
_lock = threading.Lock()


def join_server(home: Path) -> str:
    """The address of the private Postgres of `home`, which runs as long as this process at least."""
    from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres

    with _lock:
        server = _joined.get(home)
        if not isinstance(server, EmbeddedPostgres):
            server = EmbeddedPostgres(home)
            server.start()
            start_keeper(server.home)
            _joined[home] = server
    return server.url


def start_keeper(home: Path) -> None:
    """Starts the keeper of a home unless there is one."""
    lock = os.open(home / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # It inherits the lock, so that there is no moment in which another could be started.
        _keepers.append(
            subprocess.Popen(
                [sys.executable, "-m", __name__, str(home), str(lock)],
                pass_fds=[lock],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # A terminal's Ctrl-C and its closing are not for it.
                start_new_session=True,
            )
        )
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def keep(home: Path, lock: int) -> None:
    """Waits until nobody uses the server of a home, and stops it."""
    while True:
        users = os.open(home / _USERS_FILE, os.O_RDWR)
        fcntl.flock(users, fcntl.LOCK_EX)
        os.close(users)
        from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres

        # Whoever comes next waits for the server to have stopped, starts it anew, and finds no keeper.
        if EmbeddedPostgres(home).stop_if_unused(before_others=lambda: os.close(lock)):
            return


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]), int(sys.argv[2]))
    except FileNotFoundError:
        # The home was removed, and with it what there was to stop.
        sys.exit(0)
