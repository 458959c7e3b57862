"""What layers matches, duplicates and catalog cost: the first build over two servers, and 100 scenes that changed.

They follow as in a run: duplicates and catalog at the same time, after matches; then search. The seconds of each layer
are those from the start until it had followed.

The servers have the same number of scenes. Of those of the second one, a third are the same files, a third are
re-encodes (other hashes, perceptual hashes a few bits apart, durations up to a second apart), a third are unrelated.
Durations are those of a mixed collection, from clips to hours; a third of the perceptual hashes are correlated: scenes
of one series share their intro, so that their hashes are 8 to 20 bits apart. Seconds, and MB of this process.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
from load import load
from machine import by_size, write
from numpy.typing import NDArray
from prerendered import render

from stash_pipeline.instances import add_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.settings import load_settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.concurrent import following_together
from stash_pipeline.warehouse.layers.layer import SharedLayer, shared
from stash_pipeline.warehouse.ops.object_log import Touched, publish
from stash_pipeline.warehouse.session import open_warehouse

SEED = 9001
CHANGES = 7
BUILT = ("matches", "duplicates", "catalog")


def flipped(rng: np.random.Generator, hashes: NDArray[np.uint64], most: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Hashes with up to so many bits flipped."""
    result = hashes.copy()
    for number in range(int(most.max(initial=0))):
        bits = np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
        result[number < most] ^= bits[number < most]
    return result


def make_real(connection: Connection, first: int, second: int) -> None:
    """Gives the files of two servers durations and hashes like those of real collections."""
    rng = np.random.default_rng(SEED)
    rows = connection.execute("SELECT id FROM stash.files WHERE instance_id = %s ORDER BY id", [first]).fetchall()
    ids = np.array([row[0] for row in rows], np.int64)
    seconds = np.clip(np.exp(rng.normal(6.6, 0.9, len(ids))), 5, 20_000)
    intros = rng.integers(0, 1 << 63, max(len(ids) // 200, 1), dtype=np.uint64) * np.uint64(2)
    hashes = rng.integers(0, 1 << 63, len(ids), dtype=np.uint64) * np.uint64(2)
    series = rng.random(len(ids)) < 1 / 3
    chosen = intros[rng.integers(0, len(intros), int(series.sum()))]
    hashes[series] = flipped(rng, chosen, rng.integers(8, 21, len(chosen)))
    fate = rng.integers(0, 3, len(ids))
    other_hashes = flipped(rng, hashes, np.where(fate == 1, rng.integers(0, 6, len(ids)), 0))
    other_seconds = seconds + np.where(fate == 1, rng.uniform(-1, 1, len(ids)), 0)
    unrelated = fate == 2
    other_hashes[unrelated] = rng.integers(0, 1 << 63, int(unrelated.sum()), dtype=np.uint64) * np.uint64(2)
    other_seconds[unrelated] = np.clip(np.exp(rng.normal(6.6, 0.9, int(unrelated.sum()))), 5, 20_000)
    _store(connection, first, ids, seconds, hashes, np.zeros(len(ids), np.int64))
    _store(connection, second, ids, other_seconds, other_hashes, fate)


def _store(connection: Connection, instance_id: int, ids: Any, seconds: Any, hashes: Any, fate: Any) -> None:
    connection.execute("CREATE TEMP TABLE made (id bigint PRIMARY KEY, duration float8, phash bigint, fate int)")
    with connection.cursor().copy("COPY made FROM STDIN") as copy:
        for row in zip(ids.tolist(), seconds.tolist(), hashes.view(np.int64).tolist(), fate.tolist(), strict=True):
            copy.write_row(row)
    connection.execute(
        "UPDATE stash.files AS f SET duration = m.duration FROM made AS m\n"
        "WHERE f.instance_id = %s AND f.id = m.id AND f.duration IS NOT NULL",
        [instance_id],
    )
    connection.execute(
        "UPDATE stash.file_fingerprints AS p SET phash = m.phash FROM made AS m\n"
        "WHERE p.instance_id = %s AND p.file_id = m.id AND p.phash IS NOT NULL",
        [instance_id],
    )
    connection.execute(
        "UPDATE stash.file_fingerprints AS p SET value = md5(%s || p.file_id::text || p.type) FROM made AS m\n"
        "WHERE p.instance_id = %s AND p.file_id = m.id AND p.type <> 'phash' AND m.fate > 0",
        [str(instance_id), instance_id],
    )
    connection.execute(
        "UPDATE stash.scenes AS s SET title = 'Other ' || s.id FROM stash.scene_files AS f JOIN made AS m\n"
        "    ON m.id = f.file_id WHERE s.instance_id = %s AND f.instance_id = s.instance_id AND f.scene_id = s.id\n"
        "  AND m.fate = 2",
        [instance_id],
    )
    connection.execute("DROP TABLE made")


def edit(connection: Connection, instance_id: int, scenes: int, number: int) -> None:
    """Gives scenes, spread over all ids, another title."""
    with connection.transaction():
        rows = connection.execute(
            "UPDATE stash.scenes AS s SET title = 'Edited ' || s.id || ' ' || %(n)s\n"
            "WHERE s.instance_id = %(i)s AND s.id IN (\n"
            "    SELECT 1 + %(n)s + x * (SELECT max(id) / %(s)s FROM stash.scenes WHERE instance_id = %(i)s)\n"
            "    FROM generate_series(0, %(s)s - 1) AS x) RETURNING s.id",
            {"n": number, "s": scenes, "i": instance_id},
        ).fetchall()
        touched = Touched()
        touched.add("scenes", [row[0] for row in rows])
        publish(connection, instance_id, touched)


def measure(scenes: int) -> dict[str, Any]:
    """The first build, and changes."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        render(home / "library", scenes)
        own = load_settings(home=home).without_database()
        with open_warehouse(own) as settings, connect(settings.database() or "") as connection:
            instances = [
                add_instance(connection, f"bench-{number}", f"http://127.0.0.1:{9000 + number}", home=home)
                for number in range(2)
            ]
            for instance in instances:
                load(settings, instance, home / "library")
            make_real(connection, instances[0].id, instances[1].id)
            connection.execute("VACUUM ANALYZE")
            Path("/proc/self/clear_refs").write_text("5")
            before = _peak()
            url = settings.database() or ""
            first = _follow(url, BUILT)
            peak = _peak()
            search = _follow(url, ("search",))
            connection.execute("VACUUM ANALYZE")
            changes: dict[str, list[float]] = {name: [] for name in (*BUILT, "search", "all but search")}
            for number in range(CHANGES):
                edit(connection, instances[number % 2].id, 100, number)
                for names in (BUILT, ("search",)):
                    seconds = _follow(url, names)
                    for name, value in seconds.items():
                        changes[name].append(value)
                    if names is BUILT:
                        changes["all but search"].append(max(seconds.values()))
            links = connection.execute(
                "SELECT rule, action, count(*), count(refused) FROM matches.links GROUP BY 1, 2 ORDER BY 3 DESC"
            ).fetchall()
            clusters = connection.execute(
                "SELECT entity, count(*), count(*) FILTER (WHERE size > 1), max(size) FROM matches.clusters GROUP BY 1"
            ).fetchall()
    return {
        "scenes of each server": scenes,
        "first build, seconds": first,
        "first build, all (asked: 20 at 50,000)": max(first.values()),
        "first build of search documents, seconds": search["search"],
        "peak memory, MB (asked: 600)": round(peak),
        "memory before, MB": round(before),
        "100 scenes changed, seconds": changes,
        "100 scenes changed, all but search, median (asked: 0.3)": round(median(changes["all but search"]), 3),
        "links: rule, action, number, refused": [list(row) for row in links],
        "clusters: entity, number, of several, largest": [list(row) for row in clusters],
    }


def _peak() -> float:
    """MB that this process has used at most since its peak was reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _follow(database_url: str, names: tuple[str, ...]) -> dict[str, float]:
    """Lets layers follow; the seconds from the start until each had."""
    selected = [layer for layer in shared(LAYERS) if layer.name in names]
    started = time.perf_counter()
    with following_together(database_url, selected, LAYERS) as attempts, ThreadPoolExecutor(len(selected)) as pool:

        def wait(layer: SharedLayer) -> float:
            attempts[layer.name]()
            return round(time.perf_counter() - started, 3)

        return dict(zip((layer.name for layer in selected), pool.map(wait, selected), strict=True))


def main() -> None:
    """Measures each size in a process of its own."""
    if len(sys.argv) > 1:
        sys.stdout.write(orjson.dumps(measure(int(sys.argv[1]))).decode() + "\n")
        return
    write("matches", {"by scenes": by_size(__file__, (10_000, 50_000))})


if __name__ == "__main__":
    main()
