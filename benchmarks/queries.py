"""The published views: how long typical questions take with 100,000 scenes on two instances.

The library is written by SQL (``many_rows.py``): 100,000 scenes, 1,000,000 tags of scenes, 33,000 markers, 200,000
earlier versions of documents. Each query runs three times; the figures are of the fastest, in milliseconds by the
clock, all rows read.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
from machine import by_size, write
from many_rows import fill

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.conftest import temporary_home

SIZES = (100_000,)
RUNS = 3

QUERIES = {
    "scenes_full: one scene": "SELECT * FROM scenes_full WHERE instance_id = 1 AND id = 777",
    "scenes_full: a page of 100": "SELECT * FROM scenes_full WHERE instance_id = 1 ORDER BY id LIMIT 100",
    "scenes_full: the 50 newest": "SELECT title, performers, tags FROM scenes_full ORDER BY created_at DESC LIMIT 50",
    "scenes_full: space by resolution": "SELECT resolution, sum(size) FROM scenes_full GROUP BY 1",
    "scenes_full: tags contain one": "SELECT count(*) FROM scenes_full WHERE tags @> ARRAY['tag 5']",
    "scenes_full: all columns of all scenes": "SELECT sum(length(s::text)) FROM scenes_full s",
    "tag_descendants: of one tag": "SELECT * FROM tag_descendants WHERE instance_id = 1 AND tag = 'tag 5'",
    "tag_descendants: scenes below one tag": "SELECT count(DISTINCT j.scene_id) FROM tag_descendants d "
    "JOIN scene_tags j ON j.instance_id = d.instance_id AND j.tag_id = d.descendant_id WHERE d.tag = 'tag 5'",
    "tag_descendants: all": "SELECT count(*) FROM tag_descendants",
    "studio_tree: one studio": "SELECT * FROM studio_tree WHERE instance_id = 1 AND id = 9",
    "studio_tree: scenes per network": "SELECT t.root_id, count(*) FROM studio_tree t "
    "JOIN scenes s ON s.instance_id = t.instance_id AND s.studio_id = t.id GROUP BY t.instance_id, t.root_id",
    "marker_all_tags: of one scene": "SELECT * FROM marker_all_tags WHERE instance_id = 1 AND scene_id = 9",
    "marker_all_tags: markers with a tag": "SELECT count(*) FROM marker_all_tags WHERE tag = 'tag 5'",
    "recent_changes: the 50 newest of an instance": "SELECT * FROM recent_changes WHERE instance_id = 1 "
    "ORDER BY recorded_at DESC LIMIT 50",
    "recent_changes: the 50 newest of all": "SELECT * FROM recent_changes ORDER BY recorded_at DESC LIMIT 50",
    "recent_changes: the last day": "SELECT * FROM recent_changes WHERE recorded_at > now() - interval '1 day'",
    "recent_changes: one scene": "SELECT * FROM recent_changes WHERE instance_id = 1 AND entity = 'scenes' AND id = 5",
    "duplicate_files: the 50 largest of an instance": "SELECT * FROM duplicate_files WHERE instance_id = 1 "
    "ORDER BY size DESC LIMIT 50",
    "watch_statistics: 20 performers": "SELECT * FROM watch_statistics WHERE entity = 'performers' "
    "ORDER BY play_duration DESC LIMIT 20",
    "watch_statistics: one tag": "SELECT * FROM watch_statistics WHERE entity = 'tags' AND instance_id = 1 AND id = 5",
    "watch_statistics: 20 tags": "SELECT * FROM watch_statistics WHERE entity = 'tags' "
    "ORDER BY play_duration DESC LIMIT 20",
}


def one_size(scenes: int) -> dict[str, Any]:
    """The milliseconds of each query."""
    figures: dict[str, Any] = {}
    with temporary_home() as home, running_server(home) as url:
        upgrade(url)
        fill(url, home, scenes, instances=2)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET search_path = stash")
            for name, query in QUERIES.items():
                taken = []
                for _ in range(RUNS):
                    began = time.perf_counter()
                    rows = len(connection.execute(query).fetchall())  # type: ignore[call-overload]
                    taken.append((time.perf_counter() - began) * 1000)
                figures[name] = {"ms": round(min(taken), 1), "rows": rows}
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(one_size(int(sys.argv[1]))) + "\n")
    else:
        write("queries", {f"{size} scenes": figures for size, figures in by_size(__file__, SIZES).items()})
