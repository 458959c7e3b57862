"""An API key never appears in stored data or output: not after success, not after any fault, not at DEBUG.

Everything runs as it does for a person, in processes of its own, over a private Postgres: what the database
writes to its files is among the files of the home that are searched.
"""

import base64
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from stash_pipeline.instances import add_instance
from stash_pipeline.runtime.supervisor import serving
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres, running_server
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.robustness.faulty_server import FAULTS, faulty_server
from stash_pipeline_tests.test_cli import CommandLine

pytestmark = pytest.mark.faults

KEY = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LW9mLXRoZS1zZXJ2ZXI.Zm9yLXRlc3RzLW9ubHk"
WRONG_KEY = "wrong-key-which-is-nobody-elses-business-either-0815"
VARIABLE = "TEST_OF_SECRETS_KEY"

LAUNCH = "mutation($p: ExecutionParams!) {launchRun(executionParams: $p) {... on LaunchRunSuccess {run {runId}}}}"
STATUS = "query($id: ID!) {runOrError(runId: $id) {... on Run {status}}}"
SHOWN = (
    "{instance {info}}",
    "{runsOrError {... on Runs {results {runId status runConfigYaml tags {key value} stats {__typename}}}}}",
    "{assetNodes {assetKey {path} description metadataEntries {__typename label description}"
    " assetMaterializations {metadataEntries {label description ... on TextMetadataEntry {text}"
    " ... on MarkdownMetadataEntry {mdStr}}}}}",
)
EVENTS = """query($id: ID!) {logsForRun(runId: $id) {... on EventConnection {events {
    __typename ... on MessageEvent {message level}
    ... on ExecutionStepFailureEvent {error {message stack causes {message stack}}}
    ... on RunFailureEvent {error {message stack}}
    ... on LogsCapturedEvent {fileKey}
}}}}"""
OUTPUT = "query($key: [String!]!) {capturedLogs(logKey: $key) {stdout stderr}}"


def forms(key: str) -> dict[str, bytes]:
    """The encodings of a key: base64 at its three alignments, hex (bytea), URL-encoded, in other case."""
    found = {
        "clear": key.encode(),
        "hex": key.encode().hex().encode(),
        "upper hex": key.encode().hex().upper().encode(),
        "URL-encoded": "".join(f"%{byte:02X}" for byte in key.encode()).encode(),
        "other case": key.swapcase().encode(),
    }
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + key.encode())
        # what does not depend on the neighbours: the groups that hold bytes of the key only
        start = 4 if offset else 0
        end = len(encoded) - 4
        found[f"base64 at {offset}"] = encoded[start:end]
    return found


class Search:
    """Searches for the keys, and records where they were found."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.places = 0
        self.needles = {f"{name} of {key[:4]}…": text for key in (KEY, WRONG_KEY) for name, text in forms(key).items()}

    def look(self, where: str, content: bytes | str) -> None:
        """Records the keys in this content."""
        self.places += 1
        data = content.encode() if isinstance(content, str) else content
        self.found += [f"{name} in {where}" for name, needle in self.needles.items() if needle in data]


def test_the_secret_search_finds_a_key_in_every_form() -> None:
    for before in ("", "a", "ab", "abc"):
        encoded = KEY.encode().hex(), KEY.encode().hex().upper(), "".join(f"%{byte:02X}" for byte in KEY.encode())
        for text in (
            before + KEY + "z",
            base64.b64encode(f"{before}{KEY}zz".encode()).decode(),
            KEY.swapcase(),
            *encoded,
        ):
            search = Search()
            search.look("here", text)
            assert search.found, text


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory, running_server(Path(directory)):
        found = CommandLine(Path(directory), None)
        found.environment |= {
            "STASH_PIPELINE_LOG_LEVEL": "DEBUG",
            "STASH_PIPELINE_REQUEST_TIMEOUT_SECONDS": "0.5",
            "STASH_PIPELINE_INSTANCES_IN_PARALLEL": "8",
            VARIABLE: KEY,
        }
        monkeypatch.setenv(VARIABLE, KEY)
        yield found


def launched(url: str, partition: str) -> str:
    """Launches ``refresh`` as the UI does, and returns the run's id after it has ended."""
    params = {
        "selector": {
            "repositoryLocationName": "stash_pipeline",
            "repositoryName": "__repository__",
            "pipelineName": "refresh",
        },
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}]},
    }
    run_id: str = ask(url, LAUNCH, p=params)["launchRun"]["run"]["runId"]
    end = time.monotonic() + 180
    while ask(url, STATUS, id=run_id)["runOrError"]["status"] not in ("SUCCESS", "FAILURE", "CANCELED"):
        assert time.monotonic() < end
        time.sleep(0.2)
    return run_id


def ask(url: str, query: str, search: Search | None = None, **variables: Any) -> Any:
    """The data of a GraphQL query to the web server."""
    answer = httpx.post(f"{url}/graphql", json={"query": query, "variables": variables}, timeout=60)
    if search:
        search.look(query[:60], answer.content)
    assert "errors" not in answer.json(), answer.text
    return answer.json()["data"]


def search_web_page(search: Search, url: str) -> None:
    """Everything that the UI shows about runs and assets."""
    for query in SHOWN:
        ask(url, query, search)
    for run in ask(url, SHOWN[1])["runsOrError"]["results"]:
        events = ask(url, EVENTS, search, id=run["runId"])["logsForRun"]["events"]
        for event in events:
            if event.get("fileKey"):
                ask(url, OUTPUT, search, key=[run["runId"], "compute_logs", event["fileKey"]])


def search_database(search: Search, url: str) -> None:
    """Every row of every table of every schema."""
    with connect(url) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables\n"
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert {"dagster.event_logs", "ops.instances", "raw.scenes"} <= {row[0] for row in tables}
        for (table,) in tables:
            row = connection.execute(f"SELECT string_agg(t::text, E'\\n') FROM {table} t").fetchone()
            search.look(table, (row and row[0]) or "")


@pytest.mark.parametrize(
    ("faults", "page"),
    [
        pytest.param(("proxy page", "json error"), False, id="commands"),
        pytest.param(FAULTS, True, marks=pytest.mark.soak, id="all"),
    ],
)
def test_no_key_leaks_after_success_faults_and_debug_logging(
    command_line: CommandLine, faults: tuple[str, ...], page: bool
) -> None:
    library = Library.create()
    generate_library(library, scenes=20, seed=5)
    search = Search()

    def said(*arguments: str, given: str | None = None, code: int = 0) -> str:
        done = command_line.run(*arguments, given=given)
        assert done.returncode == code, (arguments, done.stderr)
        search.look(f"what {arguments} said", done.stdout + done.stderr)
        return done.stdout + done.stderr

    with ExitStack() as stack:
        good = stack.enter_context(SimulatedStash(library, api_key=KEY).running()).url
        said("instances", "add", "good", good, "--api-key-stdin", given=KEY + "\n")
        faulty = [fault.replace(" ", "-") for fault in faults]
        with connect(EmbeddedPostgres(command_line.home).url) as connection:
            add_instance(connection, "by-variable", good, home=command_line.home, api_key_env=VARIABLE)
            add_instance(connection, "locked", good, home=command_line.home, api_key=WRONG_KEY)
            for name, fault in zip(faulty, faults, strict=True):
                url = stack.enter_context(faulty_server(fault))
                add_instance(connection, name, url, home=command_line.home, api_key=KEY)
        # one in this process, the others in workers of it
        assert "DEBUG" in said("sync", "good")
        assert "API key" in said("sync", "locked", "by-variable", *faulty, code=1)
        said("status", "--json")

        if page:
            settings = load_settings(home=command_line.home, log_level="DEBUG", request_timeout_seconds=0.5)
            with settings_in_use(settings), serving(settings, free_port()) as running:
                for name in ("good", "json-error"):
                    launched(running.url, name)
                search_web_page(search, running.url)
        search_database(search, EmbeddedPostgres(command_line.home).url)
    for file in command_line.home.rglob("*"):
        if file.is_file():
            search.look(str(file.relative_to(command_line.home)), file.read_bytes())
    assert search.places > 100
    assert search.found == []
