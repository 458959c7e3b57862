"""Plays and o's, which servers only counted before v0.25."""

from datetime import timezone

from stash_pipeline.simulator.backups import UNDATED
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.timestamps import parse_moment


def date_plays(library: Library) -> None:
    """Gives plays and o's without a date the creation time of their scene, as the migration to v0.25 did."""
    for table, column in (("scenes_view_dates", "view_date"), ("scenes_o_dates", "o_date")):
        counted = library.tuples(
            f"SELECT DISTINCT scene_id, created_at FROM {table} JOIN scenes ON scenes.id = scene_id WHERE {column} = ?",
            (UNDATED,),
        )
        library.execute_many(
            f"UPDATE {table} SET {column} = ? WHERE scene_id = ? AND {column} = ?",
            # only plays were converted to UTC
            [(_in_utc(created) if column == "view_date" else created, scene, UNDATED) for scene, created in counted],
        )


def _in_utc(stored: str) -> str:
    return parse_moment(stored).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
