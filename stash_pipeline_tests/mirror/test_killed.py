"""A process that is killed at any point of a refresh loses nothing; the next refresh gives the server's state.

The process is forked, with its server inside, and kills itself (-9) at one of the points where it talks to Postgres or
to Stash, before or after it is answered. Processes of the command line, killed by the clock, are in
``stash_pipeline_tests/robustness``.
"""

import os
import random
import signal
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.warehouse import connect as connect_module
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.mirror.histories import furnished, rebuilt
from stash_pipeline_tests.mirror.library_events import EVENTS, NothingToDoError, happen
from stash_pipeline_tests.mirror.working import Mirror

pytestmark = pytest.mark.faults

MODES: tuple[Mode, ...] = ("changes", "reconcile", "sweep")


def in_fork(work: Callable[[], None]) -> int:
    """Runs a function in a fork; returns the signal that ended it, 0 for none."""
    with warnings.catch_warnings():
        # newer Pythons warn of threads, of which the fork uses none
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the refresh failed before it was killed"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def refresh_until(server: Mirror, mode: Mode, last: int) -> int:
    """A refresh that is killed at its n-th exchange; returns the signal, or 0 if it ended before."""

    def work() -> None:
        talks = 0

        def talk() -> None:
            nonlocal talks
            talks += 1
            if talks == last:
                os.kill(os.getpid(), signal.SIGKILL)

        class Talking(connect_module._Connection):
            def wait(self, gen: Any, *arguments: Any, **options: Any) -> Any:
                talk()
                answer = super().wait(gen, *arguments, **options)
                talk()
                return answer

        usual = server.hook

        def hook(number: int, payload: dict[str, Any]) -> Any:
            talk()
            return usual(number, payload) if usual else None

        server.hook = hook
        connect_module._Connection = Talking  # type: ignore[misc]
        server.refresh(mode=mode)

    ended = in_fork(work)
    with connect(server.database_url) as connection:
        # what the killed process had sent is still being worked on
        while connection.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()\n"
            "AND application_name = 'stash_pipeline'"
        ).fetchone():
            time.sleep(0.01)
    return ended


def survive(warehouse: str, home: Path, release: str, seed: int, kills: int) -> None:
    rng = random.Random(seed)
    server, clock = furnished(warehouse, home, release, seed=seed % 5 + 1)
    names = sorted(EVENTS)
    killed, story = 0, []
    # the first reading too
    longest = 700
    while killed < kills:
        mode = rng.choice(MODES)
        last = rng.randint(1, longest)
        if refresh_until(server, mode, last):
            killed += 1
            story.append(f"{mode} killed at {last}")
        else:
            longest = max(last, 200)
            story.append(mode)
        for _ in range(rng.randint(0, 2)):
            name = rng.choice(names)
            with suppress(NothingToDoError):
                happen(server.stash, name, rng.randrange(1000))
                story.append(name)
        clock.forward(seconds=rng.choice([0, 1, 30, 3000]))
        if rng.random() < 0.3:
            server.refresh(mode="reconcile")
            assert not server.differences(), story
    server.refresh(mode="reconcile")
    assert not server.differences(), story
    assert server.state() == rebuilt(server), story
    read, _ = server.refresh(mode="sweep")
    assert not [name for name, change in read.changes.items() if change.changed], story


@pytest.mark.parametrize("release", ["v0.20.2", "v0.30.1"])
def test_the_next_refresh_repairs_one_killed_at_any_of_ten_points(warehouse: str, home: Path, release: str) -> None:
    survive(warehouse, home, release, seed=1, kills=10)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(50))
def test_the_next_refresh_repairs_one_killed_at_any_of_a_thousand_points(warehouse: str, home: Path, seed: int) -> None:
    survive(warehouse, home, ("v0.20.2", "v0.28.1", "v0.30.1", "v0.31.0")[seed % 4], seed=seed, kills=20)
