"""What the log of changed objects costs: a first load and a change, with the log and without it, in turn.

Seconds of entities and joins, of one process on a private Postgres; the library is that of ``load.py``. Without the log
means that nothing is written to it, which only this benchmark does.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import orjson
from load import load
from machine import by_size, write
from prerendered import render

from stash_pipeline.instances import Instance, add_instance
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.entities import transform as layer
from stash_pipeline.warehouse.entities.transform import transform
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline.warehouse.session import open_warehouse

LOADS, CHANGES = 3, 25


@contextmanager
def without_log() -> Iterator[None]:
    """Leaves out what writes the log."""

    def nothing(*_: Any) -> None:
        return None

    with patch.object(layer, "publish", nothing):
        yield


@contextmanager
def timed_log(seconds: list[float]) -> Iterator[None]:
    """Measures what writes the log, inside the transaction of the change."""

    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        revision = publish(*arguments)
        seconds.append(time.perf_counter() - started)
        return revision

    publish = layer.publish
    with patch.object(layer, "publish", timed):
        yield


def first_loads(settings: Settings, home: Path) -> dict[str, list[float]]:
    """Seconds of entities and joins, and of the whole load."""
    seconds: dict[str, list[float]] = {"with": [], "without": [], "total, with": [], "total, without": []}
    for number in range(2 * LOADS):
        logged = number % 2 == 0
        with connect(settings.database() or "") as connection:
            instance = add_instance(connection, f"first-{number}", f"http://127.0.0.1:{9000 + number}", home=home)
        if logged:
            found = load(settings, instance, home / "library")
        else:
            with without_log():
                found = load(settings, instance, home / "library")
        name = "with" if logged else "without"
        seconds[name].append(found["entities and joins"])
        seconds[f"total, {name}"].append(found["total"])
        with connect(settings.database() or "") as connection:
            remove_instance(connection, instance.id)
    return seconds


def edit(connection: Connection, instance: Instance, scenes: int, number: int) -> None:
    """Gives scenes, spread over all ids, another title, and one in three no tags."""
    with connection.transaction():
        connection.execute("UPDATE ops.instances SET revision = revision + 1 WHERE id = %s", [instance.id])
        connection.execute(
            "UPDATE raw.scenes AS r SET revision = i.revision, document = document || jsonb_build_object(\n"
            "    'title', %(n)s::text, 'tags', CASE WHEN r.id %% 3 = 0 THEN '[]'::jsonb ELSE document->'tags' END)\n"
            "FROM ops.instances AS i WHERE r.instance_id = %(i)s AND i.id = r.instance_id\n"
            "AND r.id IN (SELECT 1 + x * (SELECT max(id) / %(s)s FROM raw.scenes WHERE instance_id = %(i)s)\n"
            "    FROM generate_series(0, %(s)s - 1) AS x)",
            {"n": f"Title {number}", "s": scenes, "i": instance.id},
        )


def changes(connection: Connection, instance: Instance, scenes: int) -> dict[str, list[float]]:
    """Milliseconds of a transformation after so many scenes changed."""
    milliseconds: dict[str, list[float]] = {"with": [], "without": []}
    log_seconds: list[float] = []
    for number in range(2 * CHANGES):
        edit(connection, instance, scenes, number)
        started = time.perf_counter()
        if number % 2 == 0:
            with timed_log(log_seconds):
                transform(connection, instance.id)
        else:
            with without_log():
                transform(connection, instance.id)
        name = "with" if number % 2 == 0 else "without"
        milliseconds[name].append(round(1000 * (time.perf_counter() - started), 1))
    milliseconds["of the log alone"] = [round(1000 * one, 2) for one in log_seconds]
    return milliseconds


def measure(scenes: int) -> dict[str, Any]:
    """Loads and changes."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", scenes)
        own = load_settings(home=home).without_database()
        with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
            loads = first_loads(settings, home)
            instance = add_instance(connection, "bench", "http://127.0.0.1:9999", home=home)
            load(settings, instance, home / "library")
            edited = {number: changes(connection, instance, number) for number in (100, 1000)}
    cost = {number: round(median(found["of the log alone"]) * 100 / number, 2) for number, found in edited.items()}
    difference = {
        number: round((median(found["with"]) - median(found["without"])) * 100 / number, 2)
        for number, found in edited.items()
    }
    return {
        "scenes": scenes,
        "first load, entities and joins, seconds": loads,
        "first load, with to without (asked: 1.05)": round(
            median(loads["total, with"]) / median(loads["total, without"]), 3
        ),
        "entities and joins, with to without": round(median(loads["with"]) / median(loads["without"]), 3),
        "scenes changed, milliseconds": edited,
        "milliseconds of the log per 100 scenes changed (asked: 1)": cost,
        "the same, as the difference of medians with and without": difference,
    }


def main() -> None:
    """Measures each size in a process of its own."""
    if len(sys.argv) > 1:
        options = orjson.OPT_NON_STR_KEYS
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1])), option=options).decode() + "\n")
        return
    write("object_log", {"by scenes": by_size(__file__, (10_000, 50_000))})


if __name__ == "__main__":
    main()
