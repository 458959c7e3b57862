"""``stash.watch_statistics``: what was played, per scene, performer, studio, tag and group."""

from typing import Final

from stash_pipeline.warehouse.views import View

_SUMS: Final = """count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at"""


def _by_list(entity: str, table: str, column: str) -> str:
    return f"""SELECT j.instance_id, '{entity}' AS entity, j.{column} AS id, {_SUMS}
FROM stash.{table} j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.{column}"""


def _with_names(entity: str, sums: str) -> str:
    return f"""SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM ({sums}) AS w
JOIN stash.{entity} o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id"""


_OF_SCENES: Final = """SELECT s.instance_id, i.name AS instance, 'scenes' AS entity, s.id,
    coalesce(nullif(s.title, ''), f.basename) AS name, 1::bigint AS scenes,
    CASE WHEN s.play_count > 0 THEN 1 ELSE 0 END::bigint AS scenes_played,
    coalesce(s.play_count, 0)::bigint AS play_count, coalesce(s.play_duration, 0) AS play_duration,
    coalesce(s.o_counter, 0)::bigint AS o_counter, s.last_played_at
FROM stash.scenes s
JOIN ops.instances i ON i.id = s.instance_id
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id"""

_OF_STUDIOS: Final = f"""SELECT s.instance_id, 'studios' AS entity, s.studio_id AS id, {_SUMS}
FROM stash.scenes s WHERE s.studio_id IS NOT NULL GROUP BY s.instance_id, s.studio_id"""

WATCH_STATISTICS: Final = View(
    "stash.watch_statistics",
    "\nUNION ALL\n".join(
        (
            _OF_SCENES,
            _with_names("performers", _by_list("performers", "scene_performers", "performer_id")),
            _with_names("studios", _OF_STUDIOS),
            _with_names("tags", _by_list("tags", "scene_tags", "tag_id")),
            _with_names("groups", _by_list("groups", "scene_groups", "group_id")),
        )
    ),
    "How often and how long scenes were played, summed up per performer, studio, tag and group. Give an entity: "
    "a scene counts once in each.",
    {
        "instance_id": "ops.instances.id",
        "instance": "name of the instance",
        "entity": "scenes, performers, studios, tags or groups",
        "id": "the server's id of the object",
        "name": "name of the object; of a scene its title, or else its file name",
        "scenes": "scenes with this performer, studio, tag or group itself, without those below it",
        "scenes_played": "scenes that were played at least once",
        "play_count": "plays",
        "play_duration": "seconds played",
        "o_counter": "sum of the counters",
        "last_played_at": "when one of the scenes was last played",
    },
)
