"""Tools of the mirror tests: an instance, an in-process server, and syncs of it."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import httpx
import psycopg
import pytest

from stash_pipeline import __main__ as program
from stash_pipeline.instances import Instance, LaneName, add_instance, get_instance
from stash_pipeline.settings import Settings, load_settings, use_settings
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.http import encode, http_date
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.sync.run import SyncResult, run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import Transformation, transform
from stash_pipeline_tests.mirror.answers import simulated_answers
from stash_pipeline_tests.mirror.oracle import (
    count_mismatches,
    describe,
    expected_tables,
    inverse_mismatches,
    mismatches,
    whole_state,
)

URL = "http://stash.test:9999"
_numbers = count(1)

Hook = Callable[[int, dict[str, Any]], httpx.Response | None]
"""Called before each request with its number (from 1) and its payload; may answer in the server's place."""


class SimulatorTransport(httpx.BaseTransport):
    """Answers the requests of a client with a simulated server in the same process."""

    def __init__(self, stash: SimulatedStash, hook: Hook | None = None) -> None:
        self.stash = stash
        self.hook = hook
        self.requests = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """The response of the hook, or of the server."""
        self.requests += 1
        if request.method == "GET":
            return self._file(request)
        payload = json.loads(request.read())
        if self.hook:
            answer = self.hook(self.requests, payload)
            if answer is not None:
                return answer
        found = self.stash.engine.answer(self.stash.context(URL), payload["query"], payload.get("variables"), None)
        return httpx.Response(
            422 if found.rejected else 200,
            content=encode(found.body),
            headers={"Content-Type": "application/json", "Date": http_date(self.stash.clock())},
        )

    def _file(self, request: httpx.Request) -> httpx.Response:
        """A snapshot of the database, in chunks."""

        async def get() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.stash.app), base_url=URL) as browser:
                return await browser.get(request.url.path, headers=dict(request.headers))

        found = asyncio.run(get())
        return httpx.Response(found.status_code, headers=found.headers, stream=httpx.ByteStream(found.content))


@dataclass
class Mirror:
    """A registered instance and its server."""

    database_url: str
    instance: Instance
    stash: SimulatedStash
    settings: Settings
    hook: Hook | None = None
    transport: SimulatorTransport | None = field(default=None, init=False)

    def read(
        self,
        entities: list[str] | None = None,
        *,
        mode: Mode = "sweep",
        objects: Mapping[str, Iterable[int]] | None = None,
        accept_removals: bool = False,
        lane: LaneName | None = None,
        **settings: Any,
    ) -> SyncResult:
        """Syncs the server into ``raw``."""
        self.transport = SimulatorTransport(self.stash, self.hook)
        client = StashClient(URL, transport=self.transport)
        with_these = self.settings.model_copy(update=settings)
        return run_sync(
            with_these,
            self.database_url,
            self.instance,
            entities or list(BY_NAME),
            mode=mode,
            objects=objects,
            client=client,
            accept_removals=accept_removals,
            lane=lane,
        )

    def transform(self) -> Transformation:
        """Applies the changes in ``raw`` to the tables."""
        with connect(self.database_url) as connection:
            return transform(connection, self.instance.id)

    def refresh(self, entities: list[str] | None = None, **settings: Any) -> tuple[SyncResult, Transformation]:
        """Sync and transformation."""
        return self.read(entities, **settings), self.transform()

    def differences(self, kinds: list[str] | None = None, *, relations: bool = True) -> str:
        """Differences between the tables and the server's current responses."""
        answers = simulated_answers(self.stash, URL)
        expected = expected_tables(answers, kinds) if kinds else expected_tables(answers)
        connection = looking_at(self.database_url)
        found = mismatches(connection, self.instance.id, expected)
        if not found and kinds is None and relations:
            found = inverse_mismatches(connection, self.instance.id, answers)
            found += count_mismatches(connection, self.instance.id, answers)
        return describe(found) if found else ""

    def state(self) -> dict[str, list[str]]:
        """All rows of the instance below ``raw``."""
        return whole_state(looking_at(self.database_url), self.instance.id)

    def scalar(self, sql: str, parameters: Any = None) -> Any:
        """The first value of a query."""
        row = looking_at(self.database_url).execute(sql, parameters).fetchone()
        return row[0] if row else None

    def live_ids(self, kind: str) -> set[int]:
        """Ids of the documents without a tombstone."""
        return self._ids(f"SELECT id FROM raw.{kind} WHERE instance_id = %s AND deleted_at IS NULL")

    def dead_ids(self, kind: str) -> set[int]:
        """Ids of the documents with a tombstone."""
        return self._ids(f"SELECT id FROM raw.{kind} WHERE instance_id = %s AND deleted_at IS NOT NULL")

    def ids(self, kind: str) -> set[int]:
        """Ids in the typed table."""
        return self._ids(f"SELECT id FROM stash.{kind} WHERE instance_id = %s")

    def _ids(self, sql: str) -> set[int]:
        rows = looking_at(self.database_url).execute(sql, [self.instance.id])
        return {row[0] for row in rows.fetchall()}

    def sql(self, *statements: str) -> None:
        """Changes the server's library directly."""
        for statement in statements:
            self.stash.library.execute(statement)


_looking: dict[str, psycopg.Connection[Any]] = {}


def looking_at(database_url: str) -> psycopg.Connection[Any]:
    """A connection to look at a database with; it stays open until another database is looked at.

    A new one reads the catalog anew: most of the time of a comparison.
    """
    connection = _looking.get(database_url)
    if connection is None or not _answers(connection):
        stop_looking()
        connection = _looking[database_url] = connect(database_url)
    return connection


def _answers(connection: psycopg.Connection[Any]) -> bool:
    """Whether the database is still that one: it may have been dropped, and another made with its name."""
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def stop_looking() -> None:
    """Closes that connection."""
    while _looking:
        _looking.popitem()[1].close()


def settings_for(home: Path, database_url: str, **more: Any) -> Settings:
    """Settings of a test."""
    return load_settings(home=home, **more).with_database(database_url)


def register(database_url: str, home: Path, url: str = URL, **more: Any) -> Instance:
    """A new instance with a unique name, read by GraphQL by default."""
    with connect(database_url) as connection:
        name = f"server-{next(_numbers)}"
        add_instance(connection, name, url, home=home, **{"lane": "graphql", **more})
        return get_instance(connection, name)


_generated: dict[tuple[Any, ...], Library] = {}


def generated(scenes: int = 60, seed: int = 1, **more: Any) -> Library:
    """A generated library in memory: a copy of the first one that was generated in this way."""
    key = (scenes, seed, *sorted(more.items()))
    if key not in _generated:
        library = _generated[key] = Library.create()
        generate_library(library, scenes=scenes, seed=seed, **more)
    return _generated[key].copied()


def new_mirror(
    database_url: str,
    home: Path,
    library: Library,
    release: str = "v0.30.1",
    hook: Hook | None = None,
    **settings: Any,
) -> Mirror:
    """A mirror of a library that was not synced yet."""
    stash = SimulatedStash(library, release=release)
    instance = register(database_url, home)
    return Mirror(database_url, instance, stash, settings_for(home, database_url, **settings), hook)


class MakeMirror(Protocol):
    """Creates a mirror of a generated library that was synced once."""

    def __call__(
        self, scenes: int = 40, release: str = "v0.30.1", hook: Hook | None = None, seed: int = 1, **settings: Any
    ) -> Mirror: ...


def row_versions(database_url: str, instance_id: int) -> dict[str, dict[str, int]]:
    """The transaction that wrote each row of an instance, per table of ``raw`` and ``stash``."""
    versions: dict[str, dict[str, int]] = {}
    with connect(database_url) as connection:
        for name in partitions(connection, instance_id):
            rows = connection.execute(f"SELECT ctid::text, xmin::text::bigint FROM partitions.{name}")
            versions[name] = {row[0]: row[1] for row in rows.fetchall()}
        rows = connection.execute(
            "SELECT table_name, xmin::text::bigint FROM ops.row_counts WHERE instance_id = %s", [instance_id]
        )
        versions["ops.row_counts"] = {row[0]: row[1] for row in rows.fetchall()}
    return versions


def partitions(connection: psycopg.Connection[Any], instance_id: int) -> list[str]:
    """Names of the partitions of an instance."""
    rows = connection.execute(
        "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace\n"
        "WHERE nspname = 'partitions' AND relkind = 'r' AND relname LIKE %s ORDER BY 1",
        [f"%\\_{instance_id}"],
    ).fetchall()
    return [row[0] for row in rows]


@contextmanager
def no_waiting() -> Iterator[None]:
    """Retries follow without delay."""
    import stamina

    stamina.set_testing(True, attempts=100, cap=True)
    try:
        yield
    finally:
        stamina.set_testing(False)


def run_command(server: Mirror, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs ``stash-pipeline`` in this process with the mirror's database; returns the exit code."""
    return run_program(server.database_url, server.settings.home, monkeypatch, *arguments)


def run_program(database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs ``stash-pipeline`` in this process with a database; returns the exit code."""
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", database_url)
    monkeypatch.setenv("STASH_PIPELINE_HOME", str(home))
    monkeypatch.setattr(sys, "argv", ["stash-pipeline", *arguments])
    use_settings(None)
    try:
        with pytest.raises(SystemExit) as end:
            program.main()
    finally:
        use_settings(None)
    return int(end.value.code or 0)


def last_run(server: Mirror) -> dict[str, Any]:
    """The end of the last run in ``ops.sync_runs``."""
    with connect(server.database_url) as connection:
        row = connection.execute(
            "SELECT status, error, entities FROM ops.sync_runs WHERE instance_id = %s ORDER BY id DESC LIMIT 1",
            [server.instance.id],
        ).fetchone()
    assert row is not None
    return {"status": row[0], "error": row[1], "entities": row[2]}
