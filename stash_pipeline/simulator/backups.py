"""Converts backups of real servers into the newest layout.

Contains reading backup files of all supported schema versions. The layout itself is ``data/layout_75.sql``.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any

OLDEST_SCHEMA = 45
NEWEST_SCHEMA = 75
UNDATED = "1970-01-01T00:00:00Z"
"""The time of plays and o's before v0.25, which were only counted."""

# Renamed tables and columns: newest name -> older name.
_OLD_TABLES = {
    "groups": "movies",
    "groups_scenes": "movies_scenes",
    "groups_tags": "movies_tags",
    "group_urls": "movie_urls",
}
_OLD_COLUMNS = {"group_id": "movie_id", "description": "synopsis"}
# Text columns that became lists of URLs: (table of URLs, its parent column, table, [(column, prefix)]).
_URLS: list[tuple[str, str, str, list[tuple[str, str]]]] = [
    ("scene_urls", "scene_id", "scenes", [("url", "")]),
    ("gallery_urls", "gallery_id", "galleries", [("url", "")]),
    ("image_urls", "image_id", "images", [("url", "")]),
    ("studio_urls", "studio_id", "studios", [("url", "")]),
    ("group_urls", "group_id", "groups", [("url", "")]),
    (
        "performer_urls",
        "performer_id",
        "performers",
        [("url", ""), ("twitter", "https://www.twitter.com/"), ("instagram", "https://www.instagram.com/")],
    ),
]


class _Backup:
    """The source file, opened read-only."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            version = self.connection.execute("SELECT version FROM schema_migrations").fetchone()
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path} is not a Stash database: {error}.") from None
        self.version = int(version[0]) if version else 0
        if not OLDEST_SCHEMA <= self.version <= NEWEST_SCHEMA:
            raise ValueError(
                f"{path} has database schema {self.version}; the simulator reads {OLDEST_SCHEMA} to {NEWEST_SCHEMA}."
            )

    def columns(self, table: str) -> list[str]:
        """The columns of a table; empty if the table does not exist."""
        return [row[1] for row in self.connection.execute(f'PRAGMA table_info("{table}")')]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(sql).fetchall()


def _copy_table(source: _Backup, target: sqlite3.Connection, table: str, columns: list[str]) -> None:
    old_table = table if source.columns(table) else _OLD_TABLES.get(table, table)
    old_columns = source.columns(old_table)
    pairs = []
    for column in columns:
        if column in old_columns:
            pairs.append((column, column))
        elif old_table != table and _OLD_COLUMNS.get(column) in old_columns:
            pairs.append((column, _OLD_COLUMNS[column]))
    if not pairs:
        return
    select = ", ".join(f'"{old}"' for _, old in pairs)
    insert = ", ".join(f'"{new}"' for new, _ in pairs)
    marks = ", ".join("?" for _ in pairs)
    rows = source.rows(f'SELECT {select} FROM "{old_table}" ORDER BY rowid')
    target.executemany(f'INSERT INTO "{table}" ({insert}) VALUES ({marks})', rows)


def _copy_urls(source: _Backup, target: sqlite3.Connection) -> None:
    for urls, parent, table, columns in _URLS:
        old_table = table if source.columns(table) else _OLD_TABLES.get(table, table)
        old_columns = source.columns(old_table)
        positions: dict[int, int] = {}
        for column, prefix in columns:
            if column not in old_columns:
                continue
            for row_id, value in source.rows(f'SELECT id, "{column}" FROM "{old_table}" ORDER BY id'):
                if value:
                    url = value if value.startswith("http") else prefix + value
                    position = positions.get(row_id, 0)
                    positions[row_id] = position + 1
                    target.execute(
                        f'INSERT INTO "{urls}" ("{parent}", position, url) VALUES (?, ?, ?)',
                        (row_id, position, url),
                    )


def _copy_counters(source: _Backup, target: sqlite3.Connection) -> None:
    """Converts counters of plays and o's into rows of history."""
    old_columns = source.columns("scenes")
    if "play_count" in old_columns:
        for scene, count, last in source.rows("SELECT id, play_count, last_played_at FROM scenes ORDER BY id"):
            dates = [last] if last and count else []
            dates += [UNDATED] * (count - len(dates))
            target.executemany(
                "INSERT INTO scenes_view_dates (scene_id, view_date) VALUES (?, ?)",
                [(scene, date) for date in dates],
            )
    if "o_counter" in old_columns:
        for scene, count in source.rows("SELECT id, o_counter FROM scenes ORDER BY id"):
            target.executemany(
                "INSERT INTO scenes_o_dates (scene_id, o_date) VALUES (?, ?)", [(scene, UNDATED)] * count
            )


def _copy_saved_filters(source: _Backup, target: sqlite3.Connection) -> None:
    """Splits the single text of a filter into its parts, as schema 49 did."""
    if "filter" not in source.columns("saved_filters"):
        return
    for number, name, mode, text in source.rows("SELECT id, name, mode, filter FROM saved_filters ORDER BY id"):
        try:
            content = json.loads(text or "{}")
        except ValueError:
            content = {}
        objects = content.pop("c", {}) if isinstance(content, dict) else {}
        target.execute(
            "INSERT INTO saved_filters (id, name, mode, find_filter, object_filter, ui_options)"
            " VALUES (?, ?, ?, ?, ?, 'null')",
            (number, name, mode, json.dumps(content or None), json.dumps(objects)),
        )


def load_backup(path: Path, target: sqlite3.Connection, layout: str) -> sqlite3.Connection:
    """Fill an empty database with the library of a backup file, which is not modified."""
    source = _Backup(path)
    if source.version == NEWEST_SCHEMA:
        source.connection.backup(target)
        source.connection.close()
        return target
    target.executescript(layout)
    target.execute("PRAGMA foreign_keys = OFF")
    target.execute("BEGIN")
    tables = [
        row["name"] for row in target.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    for table in tables:
        columns = [row["name"] for row in target.execute(f'PRAGMA table_info("{table}")')]
        if table == "saved_filters" and "filter" in source.columns(table):
            continue
        if table == "schema_migrations":
            target.execute("INSERT INTO schema_migrations (version, dirty) VALUES (?, 0)", (NEWEST_SCHEMA,))
        elif not table.startswith("sqlite_"):
            _copy_table(source, target, table, columns)
    _copy_urls(source, target)
    _copy_counters(source, target)
    _copy_saved_filters(source, target)
    target.execute("COMMIT")
    target.execute("PRAGMA foreign_keys = ON")
    source.connection.close()
    return target
