"""A real server, by commands as a person types them, and by the pipeline without Dagster.

``python benchmarks/real_server.py URL`` reads it into homes of its own: by a snapshot of its database (first, nothing
changed, the same with the copy read anew), and by GraphQL in turn with a bare client that drains the same pages.
``--edit`` also gives one scene in a hundred another rating, **on the server**, and reads that. ``--pid`` of the server,
on this machine, adds the seconds of its processor. ``--api-key-env`` names the variable with its key.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson
from machine import Processor, write

from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.stash.client import Answer, StashClient
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.sync.run import run_sync
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline.warehouse.raw.page_ledger import COPY
from stash_pipeline.warehouse.session import open_warehouse

KINDS = [entity.name for entity in ENTITIES]
COMMANDS = 3
DRAINS = 3
EDIT = "mutation($ids: [ID!], $rating: Int) { bulkSceneUpdate(input: {ids: $ids, rating100: $rating}) { id } }"


class Noting(StashClient):
    """Notes what it asks."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def execute(self, document: str, variables: dict[str, Any] | None = None, **options: Any) -> Answer:
        """Asks the server."""
        self.asked.append((document, variables or {}))
        return super().execute(document, variables, **options)


def command(home: Path, *arguments: str) -> float:
    """Seconds from start to exit; the private Postgres is started and stopped in it."""
    started = time.perf_counter()
    environment = load_settings(home=home).without_database().child_environment()
    environment.pop("STASH_PIPELINE_DATABASE_URL", None)
    subprocess.run(
        [sys.executable, "-m", "stash_pipeline", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL
    )
    return round(time.perf_counter() - started, 2)


def commands(url: str, key: list[str]) -> dict[str, Any]:
    """A first mirror by a copy, from an empty home, and what changes nothing."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        command(home, "instances", "add", "bench", url, *key)
        lane = ("--lane", "snapshot")
        return {
            "first": command(home, "sync", "bench", *lane),
            "nothing changed": [command(home, "sync", "bench", "--mode", "reconcile", *lane) for _ in range(COMMANDS)],
        }


class Phases:
    """Runs of the pipeline without Dagster, against one server."""

    def __init__(self, settings: Settings, url: str, api_key: str | None, server: int | None) -> None:
        self.settings, self.url, self.api_key, self.server = settings, url, api_key, server
        self.database = settings.database() or ""

    def add(self) -> Instance:
        """A new instance."""
        with connect(self.database) as connection:
            return add_instance(connection, "bench", self.url, home=self.settings.home)

    def remove(self, instance: Instance) -> None:
        """Without its rows."""
        with connect(self.database) as connection:
            remove_instance(connection, instance.id)

    def run(self, instance: Instance, **options: Any) -> tuple[dict[str, Any], Noting]:
        """Seconds by phase, and of the processor until raw is written."""
        client = Noting(self.url, self.api_key)
        processor = Processor(self.settings.home, self.server)
        started = time.perf_counter()
        mirrored = run_sync(self.settings, self.database, instance, KINDS, client=client, **options)
        read = time.perf_counter()
        used = processor.seconds()
        with connect(self.database) as connection:
            transform(connection, instance.id, partial(connect, self.database))
        ended = time.perf_counter()
        figures = {
            "total": round(ended - started, 2),
            "raw": round(read - started, 2),
            "entities and joins": round(ended - read, 2),
            "processor, raw": used,
            "documents": sum(change.fetched for change in mirrored.changes.values()),
            "documents written": sum(c.inserted + c.updated + c.removed for c in mirrored.changes.values()),
        }
        return figures, client

    def read_anew(self, instance: Instance) -> None:
        """Has the next copy read, though it is the last one."""
        with connect(self.database) as connection:
            connection.execute(
                "DELETE FROM ops.complete_reads WHERE instance_id = %s AND purpose = %s", [instance.id, COPY]
            )

    def edit(self, instance: Instance) -> int:
        """Gives one scene in a hundred another rating; how many those are."""
        with connect(self.database) as connection:
            rows = connection.execute(
                "SELECT id::text, document->'rating100' FROM raw.scenes\n"
                "WHERE instance_id = %s AND deleted_at IS NULL ORDER BY id",
                [instance.id],
            ).fetchall()
        chosen = rows[::100]
        ratings = {rating for _, rating in chosen}
        rating = next(number for number in range(1, 101) if number not in ratings)
        with StashClient(self.url, self.api_key, timeout=600) as client:
            client.execute(EDIT, {"ids": [identifier for identifier, _ in chosen], "rating": rating})
        return len(chosen)

    def drain(self, requests: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
        """Asks for the same pages, two at a time, with the same headers, without looking at them."""
        with Noting(self.url, self.api_key) as ours:
            headers = dict(ours._http.headers)
            address = ours.url
        processor = Processor(self.settings.home, self.server)
        started = time.perf_counter()
        with httpx.Client(timeout=600, headers=headers) as client, ThreadPoolExecutor(2) as pool:

            def one(request: tuple[str, dict[str, Any]]) -> None:
                client.post(address, content=orjson.dumps({"query": request[0], "variables": request[1]}))

            list(pool.map(one, requests))
        return {"raw": round(time.perf_counter() - started, 2), "processor, raw": processor.seconds()}


def by_copy(phases: Phases, edit: bool) -> dict[str, Any]:
    """Phases of the snapshot lane."""
    instance = phases.add()
    options = {"mode": "reconcile", "lane": "snapshot"}
    found: dict[str, Any] = {"first": phases.run(instance, **options)[0]}
    found["nothing changed, the copy is the last one"] = phases.run(instance, **options)[0]
    phases.read_anew(instance)
    found["nothing changed, the copy is read"] = phases.run(instance, **options)[0]
    if edit:
        found["scenes edited"] = phases.edit(instance)
        found["1 % of the scenes changed"] = phases.run(instance, **options)[0]
    phases.remove(instance)
    return found


def by_answers(phases: Phases) -> dict[str, Any]:
    """A full mirror by GraphQL, a reconcile of what did not change, and a bare drain of the mirror's pages, in turn."""
    mirrors, reconciles, drains = [], [], []
    for _ in range(DRAINS):
        instance = phases.add()
        figures, client = phases.run(instance, mode="sweep", lane="graphql")
        mirrors.append(figures)
        reconciles.append(phases.run(instance, mode="reconcile", lane="graphql")[0])
        phases.remove(instance)
        drains.append(phases.drain(client.asked))
    bare = median(one["raw"] for one in drains)
    return {
        "full mirror": mirrors,
        "reconcile, nothing changed": reconciles,
        "bare drain of the same pages": drains,
        "raw to the drain (asked: 1.15)": round(median(one["raw"] for one in mirrors) / bare, 2),
        "all to the drain": round(median(one["total"] for one in mirrors) / bare, 2),
        "reconcile to the drain (asked: 0.4)": round(median(one["raw"] for one in reconciles) / bare, 2),
    }


def main() -> None:
    """Measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--edit", action="store_true", help="change one scene in a hundred, on the server")
    parser.add_argument("--pid", type=int, help="of the server")
    parser.add_argument("--api-key-env", metavar="VAR")
    parser.add_argument("--without-answers", action="store_true", help="only by copies: that is a minute")
    asked = parser.parse_args()
    key = ["--api-key-env", asked.api_key_env] if asked.api_key_env else []
    figures: dict[str, Any] = {"commands, by copy": commands(asked.url, key)}
    with tempfile.TemporaryDirectory() as directory:
        there = load_settings(home=Path(directory)).without_database()
        with open_warehouse(there) as settings:
            phases = Phases(settings, asked.url, os.environ.get(asked.api_key_env or ""), asked.pid)
            figures["by copy"] = copies = by_copy(phases, asked.edit)
            if not asked.without_answers:
                figures["by GraphQL"] = by_answers(phases)
    unchanged = copies["nothing changed, the copy is read"]["raw"]
    write(
        "real_server",
        {
            **figures,
            "command, first, by copy, seconds (asked: 18)": figures["commands, by copy"]["first"],
            "command, nothing changed, by copy, seconds (asked: 3)": median(
                figures["commands, by copy"]["nothing changed"]
            ),
            "first, entities and joins to raw (asked: 1.2)": round(
                copies["first"]["entities and joins"] / copies["first"]["raw"], 2
            ),
            **(
                {
                    "raw, 1 % changed to nothing changed, both copies read (asked: 1.5)": round(
                        copies["1 % of the scenes changed"]["raw"] / unchanged, 2
                    )
                }
                if asked.edit
                else {}
            ),
        },
    )


if __name__ == "__main__":
    main()
