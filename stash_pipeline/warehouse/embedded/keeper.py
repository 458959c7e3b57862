"""The private Postgres for processes that stash-pipeline does not start and end, such as those of `dagster dev`.

Such a process joins the server on first use and holds a `flock` until it ends. No process knows whether it is the last,
and a killed process stops nothing. The keeper does: one small process per home, in its own session, waits for that lock
and stops the server when no other process holds it. `server.py` starts and stops the server.
"""

import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

# no other imports: the keeper runs as long as the server does, and should stay small

_LOCK_FILE = ".postgres.keeper"
_USERS_FILE = ".postgres.users"

_joined: dict[Path, object] = {}
_keepers: list["subprocess.Popen[bytes]"] = []
_lock = threading.Lock()


def join_server(home: Path, port: int | None = None) -> str:
    """The address of the private Postgres of `home`, which runs at least as long as this process."""
    from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres

    with _lock:
        server = _joined.get(home)
        if not isinstance(server, EmbeddedPostgres):
            server = EmbeddedPostgres(home, port=port)
            server.start()
            start_keeper(server.home)
            _joined[home] = server
    return server.url


def start_keeper(home: Path) -> None:
    """Starts the keeper of a home unless it runs."""
    lock = os.open(home / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # it inherits the lock, so that no second keeper can start
        _keepers.append(
            subprocess.Popen(
                [sys.executable, "-m", __name__, str(home), str(lock)],
                pass_fds=[lock],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                # a Ctrl-C or closing the terminal must not end it
                start_new_session=True,
            )
        )
    except BlockingIOError:
        pass
    finally:
        os.close(lock)


def keep(home: Path, lock: int) -> None:
    """Waits until no process uses the server of a home, and stops it."""
    while True:
        users = os.open(home / _USERS_FILE, os.O_RDWR)
        fcntl.flock(users, fcntl.LOCK_EX)
        os.close(users)
        from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres

        # the next user waits until the server has stopped, restarts it, and finds no keeper
        if EmbeddedPostgres(home).stop_if_unused(before_others=lambda: os.close(lock)):
            return


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]), int(sys.argv[2]))
    except FileNotFoundError:
        # the home was removed with the server
        sys.exit(0)
