"""The demo: it goes on changing, the pipeline notices, and a second start continues."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stash_pipeline.commands.demo_examples import EXAMPLES, HISTORY
from stash_pipeline.commands.demo_home import demo_home
from stash_pipeline.errors import UserError
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres
from stash_pipeline_tests.conftest import temporary_home
from stash_pipeline_tests.ports import free_port

PATIENCE = 300
OTHER = {"STASH_PIPELINE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
"""A database that the demo does not use, whatever the terminal has."""


def test_a_demo_continues_with_the_scenes_it_has(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    with demo_home(home, kept=True, new=False, scenes=30) as (folder, scenes):
        assert (folder, scenes) == (home, 30)
        (home / "rows").write_text("kept")
    with demo_home(home, kept=True, new=False, scenes=None) as (_, scenes):
        assert scenes == 30 and (home / "rows").exists()
    with pytest.raises(UserError, match="has 30 scenes per server"), demo_home(home, kept=True, new=False, scenes=40):
        pass
    with demo_home(home, kept=True, new=True, scenes=40) as (_, scenes):
        assert scenes == 40 and not (home / "rows").exists()


def test_a_demo_removes_only_what_a_demo_made(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("mine")
    with (
        pytest.raises(UserError, match="No demo made the folder"),
        demo_home(tmp_path, kept=True, new=True, scenes=None),
    ):
        pass
    assert (tmp_path / "letters").read_text() == "mine"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        demo_home(tmp_path, kept=True, new=False, scenes=5),
        pytest.raises(UserError, match="Another demo uses the folder"),
        demo_home(tmp_path, kept=True, new=False, scenes=5),
    ):
        pass


def test_a_demo_without_the_ui_leaves_no_folder() -> None:
    with demo_home(None, kept=False, new=False, scenes=None) as (folder, scenes):
        assert folder.is_dir() and scenes == 2000
    assert not folder.exists()


@contextmanager
def _running_demo(home: Path, *arguments: str) -> Iterator[tuple[str, list[str]]]:
    """The address of the database of a running demo, and what it has printed until it serves."""
    command = [sys.executable, "-m", "stash_pipeline", "demo", "--home", str(home), "--port", str(free_port())]
    with (home.parent / "errors").open("w") as errors:
        process = subprocess.Popen(
            [*command, *arguments], env={**os.environ, **OTHER}, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        printed: list[str] = []
        for line in process.stdout:
            printed.append(line)
            if "the next demo continues" in line:
                break
        else:
            pytest.fail("".join(printed) + (home.parent / "errors").read_text())
        yield EmbeddedPostgres(home).url, printed
        process.send_signal(signal.SIGINT)
        assert process.wait(120) in (0, 130)
    finally:
        process.kill()
        process.wait()


def _until(condition: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.5)
    return pytest.fail(f"{what} did not happen in {PATIENCE} s")


_RETITLED = """
SELECT count(*) FROM raw.history AS h JOIN stash.scenes AS s ON s.instance_id = h.instance_id AND s.id = h.id
WHERE h.entity = 'scenes' AND h.change = 'changed' AND h.document ->> 'title' IS DISTINCT FROM s.title
"""
# by a sensor or by hints: which of them is first depends on the speed of the machine
_BY_ITSELF = "SELECT count(*) FROM run_tags WHERE key = 'stash_pipeline/requested_by' AND value <> 'command line'"
_WAITING = """
SELECT coalesce(max(number), 0) FROM (
    SELECT count(*) AS number FROM runs AS r JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'dagster/partition'
    WHERE r.status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED') GROUP BY t.value
) AS by_instance
"""
_LIVE = "SELECT count(*) FROM run_tags WHERE key = 'stash_pipeline/requested_by' AND value = 'live'"
_COUNTS = "SELECT i.name, count(*) FROM stash.scenes AS s JOIN ops.instances AS i ON i.id = s.instance_id GROUP BY 1"


def _pasted(printed: list[str], last: str, typed: str = "") -> str:
    """What a new terminal shows after the lines that the demo asks for, and a last one."""
    begin = next(number for number, line in enumerate(printed) if line.startswith("Five things to try")) + 2
    lines = [line.strip() for line in printed[begin : printed.index("\n", begin)]]
    assert lines.pop() == "stash-pipeline psql"
    clean = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], **OTHER}
    done = subprocess.run(
        ["sh", "-c", "\n".join([*lines, last])], input=typed, env=clean, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), (last, done.stdout, done.stderr)
    return done.stdout


@pytest.mark.processes
def test_the_demo_lives_and_continues_after_a_restart() -> None:
    with temporary_home() as home:
        with (
            # always more changes than a run has seen
            _running_demo(home, "--scenes", "60", "--pace", "0.5") as (url, printed),
            psycopg.connect(url, autocommit=True, options="-c search_path=dagster") as connection,
        ):
            # with a typing error; later the scene may have another title
            (search,) = (line.strip() for line in printed if line.startswith("stash-pipeline search"))
            assert re.search(r"│ (denver, paris|paris, denver) +│", _pasted(printed, search))
            waiting: list[int] = []

            def number(sql: str) -> int:
                row = connection.execute(sql).fetchone()
                assert row is not None
                return int(row[0])

            def is_retitled() -> bool:
                waiting.append(number(_WAITING))
                return number(_RETITLED) > 0 and number(_BY_ITSELF) > 0

            _until(is_retitled, "another title")
            # each of those who request runs may have looked just before another requested one
            assert max(waiting) <= len({"changes_sensor", "reconcile_sensor", "live"})
            for example in (*EXAMPLES, HISTORY):
                assert "(0 rows)" not in (answer := _pasted(printed, "stash-pipeline psql", example.sql)), answer
            assert sum(example.question in "".join(printed) for example in (*EXAMPLES, HISTORY)) == 5
            # the servers say what happens on them
            _until(lambda: number(_LIVE), "a run for a hint")
        assert json.loads((home / "demo.json").read_text()) == {"scenes": 60}
        happened = (home / "paris.log").read_text().splitlines()
        assert len(happened) > 3
        # the servers are as they were left: no guard stops the first sync, and nothing that happened is lost
        with _running_demo(home, "--still") as (url, printed):
            assert (home / "paris.log").read_text() == ""
            # with a typing error
            (search,) = (line.strip() for line in printed if line.startswith("stash-pipeline search"))
            assert re.search(r"│ (denver, paris|paris, denver) +│", _pasted(printed, search))
            assert "(0 rows)" not in _pasted(printed, "stash-pipeline psql", HISTORY.sql)
            with psycopg.connect(url) as connection:
                counts: dict[str, int] = dict(connection.execute(_COUNTS).fetchall())
                rows = [line for line in printed if line.startswith("│ scenes ")][:2]
                shown = [int(row.strip("│").split("│")[1]) for row in rows]
                assert sorted(shown) == sorted(counts.values())


@pytest.mark.processes
def test_the_commands_of_getting_started_run() -> None:
    page = (Path(__file__).parents[1] / "docs" / "getting-started.md").read_text("utf-8")
    commands = "".join(re.findall(r"```shell\n(.*?)```", page, re.DOTALL)).splitlines()
    assert len(commands) > 6
    library = Library.create()
    generate_library(library, scenes=20, seed=1)
    with temporary_home() as home, SimulatedStash(library).running() as server:
        for command in commands:
            program, *arguments = shlex.split(command.replace("http://localhost:9999", server.url))
            assert program == "stash-pipeline"
            done = subprocess.run(
                [sys.executable, "-m", "stash_pipeline", *arguments],
                env={**os.environ, "STASH_PIPELINE_HOME": str(home)},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, (command, done.stdout, done.stderr)
