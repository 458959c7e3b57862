"""The command: one line when it is ready, one sentence when it fails."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner

from stash_pipeline.simulator.command import simulate

APP = typer.Typer()
APP.command()(simulate)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--release", "v9"], "Unknown release 'v9'. Known releases: v0.20.0"),
        (["--timezone", "Mars/Olympus"], "Unknown time zone 'Mars/Olympus'"),
        (["--api-key-env", "SIMULATED_STASH_NO_SUCH_KEY"], "SIMULATED_STASH_NO_SUCH_KEY is not set"),
        (["--database", "/no/such/file.sqlite"], "There is no database file /no/such/file.sqlite"),
        (["--scenes", "-1"], "cannot be negative"),
        (["--fault", "fire:0.1"], "Unknown fault 'fire'; there are latency, drop"),
        (["--fault", "5xx:0.1", "--fault", "drop:often"], "Cannot read 'often' in fault 'drop:often'"),
    ],
)
def test_bad_input_ends_with_one_sentence(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_port_in_use_ends_with_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(APP, ["--port", port, "--scenes", "1"])
    assert result.exit_code == 1
    assert f"Cannot listen on port {port}" in result.stderr


def test_the_simulator_serves_until_interrupted(tmp_path: Path) -> None:
    script = "import typer; from stash_pipeline.simulator.command import simulate; typer.run(simulate)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "--port", "0", "--scenes", "5", "--release", "v0.27"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found, line
        answer = httpx.post(f"{found.group()}/graphql", json={"query": "{findScenes{count}}"})
        assert answer.json() == {"data": {"findScenes": {"count": 5}}}
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) in (0, 130, -signal.SIGINT)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
