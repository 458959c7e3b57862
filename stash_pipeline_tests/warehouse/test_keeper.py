"""The private Postgres of processes that nobody of ours ends: it outlives none of them by long."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import psycopg
import pytest

from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline_tests.warehouse.test_embedded import postmaster_pid, runs, wait_until

pytestmark = pytest.mark.processes

JOIN_AND_WAIT = """
import signal, sys, time
from pathlib import Path
# whoever runs the tests may ignore it (nohup), and children do what their parents did
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from stash_pipeline.warehouse.embedded.keeper import join_server
print(join_server(Path(sys.argv[1])), flush=True)
assert join_server(Path(sys.argv[1]))
time.sleep(600)
"""


def joined(home: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", JOIN_AND_WAIT, str(home)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def ended(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    process.send_signal(number)
    process.communicate(timeout=120)


def keepers(home: Path) -> list[int]:
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if "stash_pipeline.warehouse.embedded.keeper" in words and str(home) in words:
            found.append(process.pid)
    return [pid for pid in found if runs(pid)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_server_stops_when_its_last_process_ends_in_any_way(home: Path, number: signal.Signals) -> None:
    first, second = joined(home), joined(home)
    pid = postmaster_pid(home)
    assert len(keepers(home)) == 1
    ended(first, number)
    with running_server(home) as url, psycopg.connect(url) as connection:
        connection.execute("select 1")
    # neither the one that started the server nor a passer-by was the last
    assert runs(pid) and postmaster_pid(home) == pid
    ended(second, number)
    wait_until(lambda: not runs(pid))
    wait_until(lambda: not keepers(home))


def test_a_server_that_is_reused_at_once_keeps_running(home: Path) -> None:
    for _ in range(4):
        ended(joined(home), signal.SIGKILL)
    last = joined(home)
    pid = postmaster_pid(home)
    assert len(keepers(home)) == 1
    ended(last, signal.SIGKILL)
    wait_until(lambda: not runs(pid) and not keepers(home))
