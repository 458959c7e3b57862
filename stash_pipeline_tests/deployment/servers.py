"""Dagster's processes one by one, as containers run them, over one Postgres."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

SECONDS = 600

LAUNCH = """mutation($params: ExecutionParams!) {launchRun(executionParams: $params) {
    __typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
LOADED = "{workspaceOrError {... on Workspace {locationEntries {locationOrLoadError {__typename}}}}}"
RUN = "query($id: ID!) {runOrError(runId: $id) {... on Run {status tags {key value}}}}"


def environment_of(home: Path, database_url: str, **more: str) -> dict[str, str]:
    """The environment of a container: its own home, and the database from a file."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("STASH_PIPELINE_", "DAGSTER_"))}
    secret = home.with_name(f"{home.name}-database-url")
    secret.write_text(database_url + "\n")
    ours = {"STASH_PIPELINE_HOME": str(home), "STASH_PIPELINE_DATABASE_URL_FILE": str(secret)}
    return {**kept, **ours, "HOME": str(home), **more}


def command(environment: dict[str, str], *arguments: str) -> str:
    """What a command of `stash-pipeline` prints; it must end well."""
    done = subprocess.run(
        [sys.executable, "-m", "stash_pipeline", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def started(environment: dict[str, str], log: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A command of `stash-pipeline` that runs until the end of the block, where SIGTERM ends it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stash_pipeline", *arguments],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
        assert process.poll() is None, log.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def is_well(environment: dict[str, str], *arguments: str) -> bool:
    """What the health check of a container says."""
    check = [sys.executable, "-m", "stash_pipeline.runtime.health", *arguments]
    return subprocess.run(check, env=environment, capture_output=True, timeout=SECONDS).returncode == 0


def wait_for(condition: Callable[[], Any], what: object = "") -> Any:
    """What the condition gives once it is true."""
    end = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"waited too long: {what() if callable(what) else what}"
        time.sleep(0.2)
    return found


class Page:
    """The GraphQL of Dagster's UI."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"

    def ask(self, query: str, **variables: Any) -> Any:
        answer = httpx.post(self._url, json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def shows_the_definitions(self) -> bool:
        """Whether the web server has reached the code server."""
        with suppress(httpx.TransportError):
            (entry,) = self.ask(LOADED)["workspaceOrError"]["locationEntries"]
            loaded = entry["locationOrLoadError"]
            return loaded is not None and loaded["__typename"] == "RepositoryLocation"
        return False

    def launch(self, job: str, partition: str) -> str:
        """Launches a run, and returns its id."""
        selector = {"repositoryLocationName": "stash_pipeline", "repositoryName": "__repository__", "jobName": job}
        tags = {"tags": [{"key": "dagster/partition", "value": partition}]}
        params = {"selector": selector, "mode": "default", "executionMetadata": tags}
        launched = self.ask(LAUNCH, params=params)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def ended(self, run_id: str) -> Any:
        """The run once it has ended."""

        def run() -> Any:
            found = self.ask(RUN, id=run_id)["runOrError"]
            return found["status"] in ("SUCCESS", "FAILURE", "CANCELED") and found

        return wait_for(run, run_id)
