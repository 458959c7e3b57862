"""Exports: seconds of the processor per 100,000 rows, and whether memory grows with the rows.

Three tables, of a library written by SQL (``many_rows.py``): wide rows (scenes), narrow rows (scene_tags), and a view
with lists (scenes_full). Each export runs in a process of its own, so that its peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import Processor, write
from many_rows import fill

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stash_pipeline.exports.selection import FORMATS
from stash_pipeline.exports.tables import export_tables
from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.conftest import temporary_home

SIZES = (20_000, 100_000)
TABLES = ("scenes", "scene_tags", "scenes_full")


def one_export(url: str, home: Path, table: str, file_format: Any) -> dict[str, Any]:
    """What one export costs."""
    # whatever is imported only once is not of the rows
    with TemporaryDirectory() as folder:
        export_tables(url, ["configuration"], file_format=file_format, folder=Path(folder))
        before, processor, clock = time.process_time(), Processor(home), time.perf_counter()
        (made,) = export_tables(url, [table], file_format=file_format, folder=Path(folder)).tables
        ours, seconds = time.process_time() - before, time.perf_counter() - clock
        postgres = processor.seconds()["Postgres"]
    per = 100_000 / made.rows
    return {
        "rows": made.rows,
        "bytes": made.bytes,
        "seconds": round(seconds, 2),
        "processor seconds per 100,000 rows": {"ours": round(ours * per, 2), "Postgres": round(postgres * per, 2)},
        "peak memory in MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def one_size(scenes: int) -> dict[str, Any]:
    """All tables in all formats."""
    figures: dict[str, Any] = {}
    with temporary_home() as home, running_server(home) as url:
        upgrade(url)
        fill(url, home, scenes, instances=2)
        for table in TABLES:
            for file_format in FORMATS:
                command = [sys.executable, __file__, url, str(home), table, file_format]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                figures[f"{table} as {file_format}"] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    if len(sys.argv) == 5:
        sys.stdout.write(json.dumps(one_export(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])) + "\n")
    elif len(sys.argv) > 1:
        sys.stdout.write(json.dumps(one_size(int(sys.argv[1]))) + "\n")
    else:
        write("export", {f"{size} scenes": one_size(size) for size in SIZES})
