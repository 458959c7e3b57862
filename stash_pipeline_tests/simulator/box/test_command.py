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

from stash_pipeline.simulator.box.command import simulate_box
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library

APP = typer.Typer()
APP.command()(simulate_box)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--release", "v9"], "Unknown release 'v9'. Known releases: v0.6.17"),
        (["--scenes", "-1"], "cannot be negative"),
        (["--faults", "fire:0.1"], "Unknown fault 'fire'; there are latency, drop"),
        (["--faults", "429:every=0"], "Cannot read 'every=0'"),
        (["--phash-distance", "65"], "between 0 and 64, not 65"),
        (["--for-seed", "1", "--for-seed", "1"], "given twice"),
        (["--variants"], "--variants has no effect without --overlap-seed"),
        (["--api-key-env", "SIMULATED_BOX_NO_SUCH_KEY"], "SIMULATED_BOX_NO_SUCH_KEY is not set"),
    ],
)
def test_wrong_input_ends_with_one_sentence(arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(APP, arguments)
    assert result.exit_code == 1
    assert sentence in result.stderr and len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_a_port_in_use_ends_with_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(APP, ["--port", port, "--scenes", "1"])
    assert result.exit_code == 1
    assert f"Cannot listen on port {port}" in result.stderr


def test_the_box_knows_scenes_of_the_library_until_it_is_interrupted() -> None:
    library = Library.create()
    generate_library(library, scenes=40, seed=3)
    hashes = library.tuples(
        "SELECT fingerprint FROM files_fingerprints WHERE type = 'oshash' ORDER BY file_id LIMIT 40"
    )
    groups = ", ".join(f'[{{hash: "{text}", algorithm: OSHASH}}]' for (text,) in hashes)
    process = subprocess.Popen(
        [sys.executable, "-m", "stash_pipeline", "simulate-box", "--port", "0", "--scenes", "40", "--for-seed", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Simulated stash-box v0\.10\.2 at (http://127\.0\.0\.1:\d+/graphql)\n", line)
        assert found, line
        query = f"{{ findScenesBySceneFingerprints(fingerprints: [{groups}]) {{ title }} }}"
        body = httpx.post(found[1], json={"query": query}).json()
        assert sum(bool(group) for group in body["data"]["findScenesBySceneFingerprints"]) > 5
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) in (0, 130, -signal.SIGINT)
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.wait()
