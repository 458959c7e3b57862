"""Whatever a server sends, a refresh ends within its limits, with a sentence, and applies nothing.

Each case is one ``stash-pipeline sync --mode sweep`` of a library that is mirrored already and did not change, as a
process of its own. Whatever the server says, the rows have to stand as they did.
"""

import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.partition_names import partition
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.oracle import whole_state
from stash_pipeline_tests.robustness.hostile.cases import CASES, SPELLINGS, Case
from stash_pipeline_tests.robustness.hostile.server import HostileServer
from stash_pipeline_tests.robustness.working import KINDS, register

KEY = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LW9mLXRoZS1zZXJ2ZXI.Zm9yLXRlc3RzLW9ubHk"
VARIABLE = "TEST_OF_HOSTILE_SERVERS_KEY"
MOST_MEMORY_MB = 600
MOST_SECONDS = 240
"""No case may hold its instance for longer: a hang, on any machine, not a measure of speed."""

# a few of each family, for every change; all of them in `make soak`
FEW = {
    "scenes.tags is null everywhere", "images.tags is list of null everywhere", "scenes.tags is empty everywhere",
    "the page is a gzip bomb", "the page trickles", "the introspection is nested 5,000 deep",
    "a proxy asks for a password", "the key in error, base64 after one", "the key in title, clear",
    "systemStatus is null", "one id twice", "auto: the copy is refused with 403", "snapshot: the copy trickles",
}  # fmt: skip


@dataclass
class Outcome:
    """The result of a refresh: exit code, all output, peak memory in MB of the largest process."""

    code: int
    said: str
    memory: float
    seconds: float


@dataclass
class SyncResult:
    """A hostile server and its mirror."""

    server: HostileServer
    database_url: str
    home: Path
    instance_id: int
    outcomes: list[Outcome] = field(default_factory=list)

    def sync(self, case: Case) -> Outcome:
        """One refresh, in a separate process."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("STASH_PIPELINE_", "DAGSTER_"))}
        environment |= {
            "STASH_PIPELINE_HOME": str(self.home),
            "STASH_PIPELINE_DATABASE_URL": self.database_url,
            "COLUMNS": "160",
            VARIABLE: KEY,
            **case.settings,
        }
        started = time.monotonic()
        with (self.home / "said").open("w+b") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "stash_pipeline", "sync", "home", "--mode", "sweep", "--lane", case.lane],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            code, memory = _wait(process, started + MOST_SECONDS)
            output.seek(0)
            said = output.read().decode()
        self.outcomes.append(Outcome(code, said, memory, time.monotonic() - started))
        return self.outcomes[-1]

    def state(self) -> dict[str, Any]:
        """Every row of the instance: documents, entities, joins."""
        with connect(self.database_url) as connection:
            state: dict[str, Any] = dict(whole_state(connection, self.instance_id))
            for kind in KINDS:
                leaf = partition(f"raw.{kind}", self.instance_id)
                state[f"raw.{kind}"] = connection.execute(
                    f"SELECT id, hash, document, deleted_at IS NULL FROM {leaf} ORDER BY id"
                ).fetchall()
        return state

    def leaks(self) -> list[str]:
        """The places where the key is stored, in any encoding."""
        needles = {name: spell(KEY).encode() for name, spell in SPELLINGS.items()}
        # what of it does not depend on its neighbours
        for offset in range(3):
            encoded = base64.b64encode(b"\0" * offset + KEY.encode())
            needles[f"base64 at {offset}"] = encoded[4 if offset else 0 : -4]
        with connect(self.database_url) as connection:
            tables = connection.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables\n"
                "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            ).fetchall()
            places = {}
            for (table,) in tables:
                row = connection.execute(f"SELECT string_agg(t::text, E'\\n') FROM {table} AS t").fetchone()
                places[table] = ((row and row[0]) or "").encode()
        places |= {str(file): file.read_bytes() for file in self.home.rglob("*") if file.is_file()}
        return [
            f"{name} in {place}" for place, text in places.items() for name, needle in needles.items() if needle in text
        ]


def _wait(process: "subprocess.Popen[bytes]", end: float) -> tuple[int, float]:
    """(exit code, MB); a process that does not end in time is killed, and has exit code -9."""
    memory = 0.0
    while True:
        memory = _peak_memory(process.pid) or memory
        if process.poll() is not None:
            return process.returncode, memory
        if time.monotonic() > end:
            process.kill()
        time.sleep(0.05)


def _peak_memory(pid: int) -> float:
    """MB since the process runs its own program; 0 after its end. What wait4 reports includes that of its parent."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    sizes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(sizes[0]) / 1024 if sizes else 0.0


@pytest.fixture(scope="module")
def mirrored(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncResult]:
    """A mirrored library with more than a hundred objects of most entities."""
    url = create_database(postgres, "hostile", _template)
    home = tmp_path_factory.mktemp("home")
    library = Library.create()
    generate_library(library, scenes=120, seed=7)
    with HostileServer(SimulatedStash(library)).running() as server:
        instance = register(url, home, server.url, lane="graphql")
        with connect(url) as connection:
            connection.execute("UPDATE ops.instances SET api_key_env = %s", [VARIABLE])
        made = SyncResult(server, url, home, instance.id)
        first = made.sync(Case("first", server.spoil, "survives"))
        assert first.code == 0, first.said
        yield made
        worst = max(outcome.memory for outcome in made.outcomes)
        tracebacks = sum("Traceback" in outcome.said for outcome in made.outcomes)
        print(f"\n{len(made.outcomes)} refreshes, {tracebacks} tracebacks, {len(made.leaks())} leaks, {worst:.0f} MB")
    drop_database(postgres, "hostile")


PARAMETERS = [
    pytest.param(case, id=case.name, marks=pytest.mark.faults if case.name in FEW else pytest.mark.soak)
    for case in CASES
]


@pytest.mark.parametrize("case", PARAMETERS)
def test_a_hostile_server_is_rejected_with_a_sentence_and_changes_nothing(mirrored: SyncResult, case: Case) -> None:
    before = mirrored.state()
    honest, mirrored.server.spoil = mirrored.server.spoil, case.spoil
    try:
        outcome = mirrored.sync(case)
    finally:
        mirrored.server.spoil = honest
    if case.writes:
        # an honest answer mends it
        assert mirrored.sync(Case("honest", honest, "survives")).code == 0
    assert outcome.code != -9, f"killed after {MOST_SECONDS} s: {outcome.said}"
    assert "Traceback" not in outcome.said, outcome.said
    assert outcome.memory < MOST_MEMORY_MB, f"{outcome.memory:.0f} MB"
    assert outcome.said.strip()
    assert mirrored.leaks() == []
    if case.outcome == "fails":
        assert outcome.code == 1, outcome.said
    elif case.outcome == "survives":
        assert outcome.code == 0, outcome.said
    for part in case.says:
        assert part.lower() in " ".join(outcome.said.lower().split()), outcome.said
    if case.outcome == "reports":
        words = " ".join(outcome.said.split())
        assert any(part in words for part in ("could not be read", "the server's own schema", "cannot hold")), words
    after = mirrored.state()
    assert {name for name in before if before[name] != after[name]} == set()


def test_hostile_cases_are_many_and_have_unique_names() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) >= 150
    assert set(names) >= FEW
