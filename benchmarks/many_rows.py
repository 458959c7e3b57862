"""A library of any size, written into the tables by SQL: for benchmarks of queries and exports, which read only.

The names are invented; numbers are spread by a fixed rule, so that two runs measure the same rows.
"""

from pathlib import Path
from typing import Any

from stash_pipeline.instances import add_instance, get_instance
from stash_pipeline.warehouse.access import WRITER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.embedded.roles import SUPERUSER
from stash_pipeline.warehouse.entities.transform import transform

_STATEMENTS = (
    # a tenth are roots, the others lie below them in three levels
    "INSERT INTO stash.tags (instance_id, id, name, favorite, created_at, updated_at)\n"
    "SELECT %(i)s, n, 'tag ' || n, false, now(), now() FROM generate_series(1, %(tags)s) n",
    "INSERT INTO stash.tag_parents (instance_id, tag_id, parent_id)\n"
    "SELECT %(i)s, n, n / 8 + 1 FROM generate_series(10, %(tags)s) n WHERE n <> n / 8 + 1",
    "INSERT INTO stash.studios (instance_id, id, name, parent_studio_id)\n"
    "SELECT %(i)s, n, 'studio ' || n, CASE WHEN n > 10 THEN n / 10 END FROM generate_series(1, %(studios)s) n",
    "INSERT INTO stash.performers (instance_id, id, name, favorite)\n"
    "SELECT %(i)s, n, 'performer ' || n, n %% 50 = 0 FROM generate_series(1, %(performers)s) n",
    "INSERT INTO stash.folders (instance_id, id, path)\nSELECT %(i)s, n, '/media/' || n FROM generate_series(1, 100) n",
    "INSERT INTO stash.files (instance_id, id, type, path, basename, size, format, width, height, duration,\n"
    "    video_codec, audio_codec, frame_rate, bit_rate, parent_folder_id, created_at, updated_at)\n"
    "SELECT %(i)s, n, 'VIDEO', '/media/' || (n %% 100 + 1) || '/scene ' || n || '.mp4', 'scene ' || n || '.mp4',\n"
    "    10000000 + n * 17, 'mp4', 1920, 1080, 60 + n %% 3000, 'h264', 'aac', 29.97, 8000000, n %% 100 + 1,\n"
    "    now() - n * interval '1 minute', now() FROM generate_series(1, %(files)s) n",
    # one in a hundred files is a copy of another one
    "INSERT INTO stash.file_fingerprints (instance_id, file_id, type, value, phash)\n"
    "SELECT %(i)s, n, t.type, lpad(to_hex(hashtextextended(t.type || n - (n %% 100 = 0)::int, 7)),\n"
    "    16, '0'), NULL FROM generate_series(1, %(files)s) n, (VALUES ('oshash'), ('phash'), ('md5')) t (type)",
    "INSERT INTO stash.scenes (instance_id, id, title, details, date, rating100, organized, o_counter, play_count,\n"
    "    play_duration, resume_time, last_played_at, created_at, updated_at, studio_id)\n"
    "SELECT %(i)s, n, 'Scene ' || n || ' of the copper harbour', repeat('A walk. ', 20),\n"
    "    date '2010-01-01' + (n %% 5000)::int, CASE WHEN n %% 3 = 0 THEN n %% 100 END, n %% 2 = 0, n %% 3, n %% 7,\n"
    "    n %% 7 * 300.5, 0, now() - n * interval '1 hour', now() - n * interval '1 minute', now(),\n"
    "    n %% %(studios)s + 1 FROM generate_series(1, %(scenes)s) n",
    "INSERT INTO stash.scene_files (instance_id, scene_id, file_id, is_primary)\n"
    "SELECT %(i)s, least(n, %(scenes)s), n, n <= %(scenes)s FROM generate_series(1, %(files)s) n",
    "INSERT INTO stash.scene_tags (instance_id, scene_id, tag_id)\n"
    "SELECT DISTINCT %(i)s, n, (n * 7919 + k * 104729) %% %(tags)s + 1\n"
    "FROM generate_series(1, %(scenes)s) n, generate_series(1, 10) k",
    "INSERT INTO stash.scene_performers (instance_id, scene_id, performer_id)\n"
    "SELECT DISTINCT %(i)s, n, (n * 31 + k * 7919) %% %(performers)s + 1\n"
    "FROM generate_series(1, %(scenes)s) n, generate_series(1, 2) k",
    "INSERT INTO stash.scene_urls (instance_id, scene_id, url, position)\n"
    "SELECT %(i)s, n, 'https://example.invalid/' || n, 0 FROM generate_series(1, %(scenes)s) n",
    "INSERT INTO stash.scene_markers (instance_id, id, title, seconds, scene_id, primary_tag_id)\n"
    "SELECT %(i)s, n, 'Marker', 21.5, n * 3, n %% %(tags)s + 1 FROM generate_series(1, %(scenes)s / 3) n",
    "INSERT INTO stash.marker_tags (instance_id, marker_id, tag_id)\n"
    "SELECT %(i)s, n, (n * 13) %% %(tags)s + 1 FROM generate_series(1, %(scenes)s / 3) n",
    # two earlier versions of every scene, over 90 days
    "INSERT INTO raw.scenes (instance_id, id, document, hash, revision, run_id)\n"
    "SELECT %(i)s, n, jsonb_build_object('id', n, 'title', 'Scene ' || n, 'rating100', 50, 'details',\n"
    "    repeat('A walk. ', 20), 'tags', jsonb_build_array(n %% 7, n %% 11)), ''::bytea, 3, 1\n"
    "FROM generate_series(1, %(scenes)s) n",
    "INSERT INTO raw.history (instance_id, entity, id, revision, change, document, run_id, recorded_at)\n"
    "SELECT %(i)s, 'scenes', d.id, v, 'changed', d.document || jsonb_build_object('rating100', v * 10), 1,\n"
    "    now() - (d.id %% 45 + (2 - v) * 45) * interval '1 day' - d.id * interval '1 second'\n"
    "FROM raw.scenes d, generate_series(1, 2) v WHERE d.instance_id = %(i)s",
)


def fill(database_url: str, home: Path, scenes: int, instances: int = 1) -> list[int]:
    """Registers instances and writes so many scenes in all; returns the ids of the instances."""
    own = scenes // instances
    numbers: dict[str, Any] = {
        "scenes": own,
        "files": own * 105 // 100,
        "tags": max(own * 3 // 100, 20),
        "studios": max(own // 100, 2),
        "performers": max(own // 10, 5),
    }
    made = []
    with connect(database_url) as connection:
        for number in range(instances):
            add_instance(connection, f"server-{number}", f"http://127.0.0.1:{10_000 + number}", home=home)
            instance = get_instance(connection, f"server-{number}")
            # creates the partitions, empty
            transform(connection, instance.id)
            with connect(database_url.replace(f"{WRITER}@", f"{SUPERUSER}@")) as filling, filling.transaction():
                # the rows are consistent; to check each reference takes longer than to write them
                filling.execute("SET LOCAL session_replication_role = replica")
                for statement in _STATEMENTS:
                    filling.execute(statement, {"i": instance.id, **numbers})
            made.append(instance.id)
        connection.execute("VACUUM ANALYZE")
    return made
