"""Two hosts share a database: two homes, whose processes work at the same time on the same instances.

The result is that of one host. What hosts have in common is the database and the key file; nothing else of a home is
shared, and each home has its own search index.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import scalar_row

from stash_pipeline.instances import add_instance
from stash_pipeline.search.index import follow_index, index_status, record_followed
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.simulator.box.generate import generate_box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.conftest import create_database, drop_database, temporary_home
from stash_pipeline_tests.deployment.servers import SECONDS, command, environment_of, started, wait_for
from stash_pipeline_tests.ports import free_port

pytestmark = pytest.mark.processes

INSTANCES = [f"server-{number}" for number in range(8)]
SCENES = 8
API_KEY = "key-of-a-simulated-server"
PER_DAY = 2

_TABLES = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'stash' AND c.relkind = 'p' ORDER BY 1
"""
_ROWS = "SELECT md5(string_agg(row, E'\\n' ORDER BY row)) FROM ({rows}) AS r (row)"
_OF_A_TABLE = """
SELECT i.name || (to_jsonb(t) - 'instance_id')::text
FROM stash.{table} AS t JOIN ops.instances AS i ON i.id = t.instance_id
"""
_DOCUMENTS = """
SELECT i.name || t.id || encode(t.hash, 'hex') FROM raw.{table} AS t JOIN ops.instances AS i ON i.id = t.instance_id
WHERE t.deleted_at IS NULL
"""
# ids of records are made by whoever finds the cluster first: what counts is who belongs to it, and what it says
_CLUSTERS = """
SELECT m.entity || string_agg(i.name || ':' || m.id, ' ' ORDER BY i.name, m.id)
FROM catalog.members AS m JOIN ops.instances AS i ON i.id = m.instance_id GROUP BY m.entity, m.canonical_id
"""
_GOLDEN = "SELECT (to_jsonb(t) - 'id' - 'revision' - 'studio_id' - 'parent_id')::text FROM catalog.{table} AS t"
_DOUBLE = """
SELECT count(*) FROM (
    SELECT entity, instance_id, id FROM catalog.members GROUP BY 1, 2, 3 HAVING count(*) > 1) AS double
"""


def contents(database_url: str) -> dict[str, str | None]:
    """A digest of every table, independent of ids that only this database knows."""
    found: dict[str, str | None] = {}
    with psycopg.connect(database_url, row_factory=scalar_row) as connection:
        for table in connection.execute(_TABLES).fetchall():
            rows = _OF_A_TABLE.format(table=table)
            found[f"stash.{table}"] = connection.execute(_ROWS.format(rows=rows)).fetchone()
        for table in ("scenes", "performers", "tags", "studios", "images"):
            found[f"raw.{table}"] = connection.execute(_ROWS.format(rows=_DOCUMENTS.format(table=table))).fetchone()
            found[f"catalog.{table}"] = connection.execute(_ROWS.format(rows=_GOLDEN.format(table=table))).fetchone()
        found["clusters"] = connection.execute(_ROWS.format(rows=_CLUSTERS)).fetchone()
        assert connection.execute(_DOUBLE).fetchone() == 0
    return found


@pytest.fixture(scope="module")
def libraries() -> list[Library]:
    made = []
    for number in range(len(INSTANCES)):
        library = Library.create()
        # pairs of servers overlap
        generate_library(library, scenes=SCENES, seed=number + 1, overlap_seed=100 + number // 2)
        made.append(library)
    return made


@pytest.fixture(scope="module")
def urls(libraries: list[Library]) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        running = {}
        for name, library in zip(INSTANCES, libraries, strict=True):
            key = API_KEY if name == INSTANCES[0] else None
            running[name] = stack.enter_context(SimulatedStash(library, api_key=key).running()).url
        yield running


def register(environment: dict[str, str], database_url: str, urls: dict[str, str]) -> None:
    """Registers the servers: one by its command with a stored key, the others at once."""
    home = Path(environment["STASH_PIPELINE_HOME"])
    upgrade(database_url)
    with connect(database_url) as connection:
        for name in INSTANCES[1:]:
            add_instance(connection, name, urls[name], home=home)
    add = [sys.executable, "-m", "stash_pipeline", "instances", "add", INSTANCES[0], urls[INSTANCES[0]]]
    options: dict[str, Any] = {"check": True, "text": True, "capture_output": True, "timeout": SECONDS}
    subprocess.run([*add, "--api-key-stdin"], env=environment, input=API_KEY, **options)


@pytest.fixture(scope="module")
def of_one_host(postgres: str, urls: dict[str, str]) -> Iterator[dict[str, str | None]]:
    """What one host makes of the servers."""
    database_url = create_database(postgres, "one_host")
    with temporary_home() as home:
        environment = environment_of(home, database_url)
        register(environment, database_url, urls)
        command(environment, "sync")
        yield contents(database_url)
    drop_database(postgres, "one_host")


def test_two_hosts_make_the_same_of_the_servers_as_one(
    empty_database_url: str,
    urls: dict[str, str],
    of_one_host: dict[str, str | None],
    libraries: list[Library],
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        key = str(tmp_path / "key")
        homes = [stack.enter_context(temporary_home()) for _ in range(2)]
        first, second = (environment_of(home, empty_database_url, STASH_PIPELINE_KEY_FILE=key) for home in homes)
        register(first, empty_database_url, urls)
        code, log = free_port(), tmp_path / "servers.log"

        with (
            started(first, log, "serve", "code", "--port", str(code)),
            started(first, log, "serve", "daemon", "--code", f"127.0.0.1:{code}"),
        ):
            _wait_until_sensors_launch_runs(empty_database_url, log)
            # meanwhile the second host syncs the same instances
            command(second, "sync", "--wait", "120")
            _wait_for_the_end_of_runs(empty_database_url, log)

        found = contents(empty_database_url)
        assert {name for name in found if found[name] != of_one_host[name]} == set()
        with connect(empty_database_url) as connection:
            for home in homes:
                # made by the runs that were executed with that home, and never by the other one
                backend = TantivyBackend(home / "search")
                assert index_status(connection, backend.name, backend.place).built
                followed = follow_index(connection, backend)
                assert followed.rebuilt is None
                record_followed(connection, backend, followed.state, None)
            places = connection.execute("SELECT count(*), count(DISTINCT token) FROM search.indexes").fetchone()
            assert places == (2, 1)
            ended = connection.execute("SELECT status, count(*) FROM dagster.runs GROUP BY 1").fetchall()
            assert dict(ended).keys() == {"SUCCESS"}, ended

        _shares_the_limit_of_a_box(first, second, libraries)


def _wait_until_sensors_launch_runs(database_url: str, log: Path) -> None:
    launched = """
        SELECT count(*) FROM dagster.run_tags WHERE key = 'stash_pipeline/requested_by' AND value LIKE '%_sensor'
    """
    with psycopg.connect(database_url, autocommit=True, row_factory=scalar_row) as connection:
        wait_for(lambda: connection.execute(launched).fetchone(), log.read_text)


def _wait_for_the_end_of_runs(database_url: str, log: Path) -> None:
    unfinished = "SELECT count(*) FROM dagster.runs WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')"
    with psycopg.connect(database_url, autocommit=True, row_factory=scalar_row) as connection:
        wait_for(lambda: connection.execute(unfinished).fetchone() == 0, log.read_text)


def _shares_the_limit_of_a_box(first: dict[str, str], second: dict[str, str], libraries: list[Library]) -> None:
    box, _ = generate_box(libraries, seed=3)
    server = SimulatedStashBox(box)
    with server.running() as running:
        limits = ["--requests-per-minute", "240", "--requests-per-day", str(PER_DAY)]
        added = ["boxes", "add", "box", running.url, *limits]
        command({**first, "KEY": "any"}, *added, "--api-key-env", "KEY")
        ask: list[Any] = [sys.executable, "-m", "stash_pipeline", "boxes", "sync", "box", "--everything"]
        asking = [
            subprocess.Popen(
                ask, env={**environment, "KEY": "any"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            for environment in (first, second)
        ]
        for process in asking:
            process.communicate(timeout=SECONDS)
    assert len(server.requests.all()) == PER_DAY
