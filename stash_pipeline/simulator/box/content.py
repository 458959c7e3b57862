"""The content of a box: an SQLite database with tables shaped like those of a stash-box.

Contains creating the tables and adding rows. What happens to rows later is in ``box``, their fields in ``resolvers``.
"""

import random
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timezone
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from stash_pipeline.simulator.database import Database, connect
from stash_pipeline.simulator.invented import uuid_text

Kind = Literal["scene", "performer", "studio", "tag"]
Algorithm = Literal["OSHASH", "PHASH"]
Appearance = str | tuple[str, str | None]
"""A performer of a scene: the id, or the id and the name there."""

KINDS: tuple[Kind, ...] = ("scene", "performer", "studio", "tag")
READER = "00000000-0000-4000-a000-000000000001"
"""The user whose key clients send."""

STUDIO_SITE = "96d68ff6-cd18-4277-8633-5119abbdb635"
HOME_SITE = "1cda874a-bab4-44d8-b32b-c1e485e66b6f"
_FIRST = "2020-01-01T00:00:00.000000Z"


def _real_clock() -> datetime:
    return datetime.now(timezone.utc)


def number_of(fingerprint: str | int) -> int:
    """A hash as it is stored: 64 bits with a sign."""
    value = int(fingerprint, 16) if isinstance(fingerprint, str) else fingerprint
    return value - (1 << 64) if value >> 63 == 1 else value


def hexadecimal(number: int) -> str:
    """A stored hash as text: 16 lower-case digits."""
    return f"{number & 0xFFFFFFFFFFFFFFFF:016x}"


class BoxContent(Database):
    """The tables of a box, and adding to them.

    Attributes:
        clock: gives the current time (with a time zone); tests can control it.
    """

    def __init__(self, connection: sqlite3.Connection, seed: int, clock: Callable[[], datetime] | None) -> None:
        super().__init__(connection)
        self.clock = clock or _real_clock
        self.rng = random.Random(f"box/{seed}")
        self._users: list[str] = []
        if self.scalar("SELECT 1 FROM sqlite_master WHERE name = 'scenes'"):
            # a box in a file, opened again
            return
        script = (resources.files("stash_pipeline.simulator.data") / "box_layout.sql").read_text("utf-8")
        connection.executescript(script)
        self.insert("users", {"id": READER, "name": "reader"})
        self.add_site("Studio", ["SCENE"], site_id=STUDIO_SITE)
        self.add_site("Home", ["STUDIO"], site_id=HOME_SITE)

    @staticmethod
    def _connection(path: Path | None = None) -> sqlite3.Connection:
        """A connection to a database in a file, or to a new one in memory."""
        connection = connect(":memory:" if path is None else str(path))
        # ILIKE of Postgres: of every letter, not only of ASCII
        connection.create_function(
            "contains", 2, lambda text, part: text is not None and part.casefold() in text.casefold()
        )
        connection.create_function("upper", 1, lambda text: None if text is None else str(text).upper())
        # where Postgres has no order, there is another one for every salt
        connection.create_function("disorder", 2, lambda text, salt: zlib.crc32(str(text).encode(), salt))
        return connection

    def now(self) -> str:
        """The current time as it is stored: UTC with six digits, so that texts sort like times."""
        moment = self.clock()
        aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return aware.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def new_id(self) -> str:
        """A new id; the same seed gives the same ids."""
        return uuid_text(self.rng)

    def users(self, count: int) -> list[str]:
        """The ids of the first users, who submit fingerprints; created when they are needed."""
        while len(self._users) < count:
            number = len(self._users) + 1
            self._users.append(uuid_text(random.Random(f"user/{number}")))
            self.execute("INSERT OR IGNORE INTO users (id, name) VALUES (?, ?)", (self._users[-1], f"user {number}"))
        return self._users[:count]

    def add_site(self, name: str, valid_types: Iterable[str], *, site_id: str | None = None, **columns: Any) -> str:
        """A website that URLs belong to; `valid_types` are of SCENE, PERFORMER and STUDIO."""
        site_id = site_id or self.new_id()
        times = {"created_at": _FIRST, "updated_at": _FIRST}
        self.insert("sites", {"id": site_id, "name": name, "valid_types": " ".join(valid_types), **times, **columns})
        return site_id

    def add_image(self, width: int = 600, height: int = 900) -> str:
        """An image."""
        image = self.new_id()
        self.insert("images", {"id": image, "width": width, "height": height, "checksum": image.replace("-", "")})
        return image

    def add_tag_category(self, name: str, group: str = "SCENE") -> str:
        """A category of tags, in the group PEOPLE, SCENE or ACTION."""
        category = self.new_id()
        self.insert("tag_categories", {"id": category, "name": name, "group": group})
        return category

    def _add(self, kind: Kind, row_id: str | None, columns: Mapping[str, Any]) -> str:
        row_id = row_id or self.new_id()
        now = self.now()
        self.insert(f"{kind}s", {"id": row_id, "created_at": now, "updated_at": now, **columns})
        return row_id

    def _attach(
        self,
        kind: Kind,
        row_id: str,
        *,
        aliases: Iterable[str] | None = None,
        urls: Iterable[str | tuple[str, str]] | None = None,
        images: Iterable[str] | None = None,
    ) -> None:
        """Replaces aliases, URLs and images, of those that are given. A URL is a text, or a text and its site."""
        pairs: list[tuple[str, Sequence[Any]]] = []
        if aliases is not None:
            self.execute(f"DELETE FROM {kind}_aliases WHERE {kind}_id = ?", (row_id,))
            pairs += [(f"{kind}_aliases", (row_id, alias)) for alias in dict.fromkeys(aliases)]
        if urls is not None:
            self.execute(f"DELETE FROM {kind}_urls WHERE {kind}_id = ?", (row_id,))
            site = HOME_SITE if kind == "studio" else STUDIO_SITE
            both = [(url, site) if isinstance(url, str) else url for url in urls]
            pairs += [(f"{kind}_urls", (row_id, *pair)) for pair in both]
        if images is not None:
            self.execute(f"DELETE FROM {kind}_images WHERE {kind}_id = ?", (row_id,))
            pairs += [(f"{kind}_images", (row_id, image)) for image in images]
        for table, values in pairs:
            self.execute(f"INSERT INTO {table} VALUES ({', '.join('?' for _ in values)})", values)

    def add_studio(
        self,
        name: str,
        *,
        studio_id: str | None = None,
        parent: str | None = None,
        aliases: Iterable[str] = (),
        urls: Iterable[str | tuple[str, str]] = (),
        images: Iterable[str] = (),
        **columns: Any,
    ) -> str:
        """A studio; returns its id."""
        with self.transaction():
            studio_id = self._add("studio", studio_id, {"name": name, "parent_studio_id": parent, **columns})
            self._attach("studio", studio_id, aliases=aliases, urls=urls, images=images)
        return studio_id

    def add_performer(
        self,
        name: str,
        *,
        performer_id: str | None = None,
        aliases: Iterable[str] = (),
        urls: Iterable[str | tuple[str, str]] = (),
        images: Iterable[str] = (),
        **columns: Any,
    ) -> str:
        """A performer; returns the id. `birthdate` and `deathdate` are YYYY, YYYY-MM or YYYY-MM-DD."""
        with self.transaction():
            performer_id = self._add("performer", performer_id, {"name": name, **columns})
            self._attach("performer", performer_id, aliases=aliases, urls=urls, images=images)
        return performer_id

    def add_tag(
        self,
        name: str,
        *,
        tag_id: str | None = None,
        category: str | None = None,
        aliases: Iterable[str] = (),
        **columns: Any,
    ) -> str:
        """A tag; returns its id. Names of tags and their aliases are unique."""
        with self.transaction():
            tag_id = self._add("tag", tag_id, {"name": name, "category_id": category, **columns})
            self._attach("tag", tag_id, aliases=aliases)
        return tag_id

    def add_scene(
        self,
        title: str | None,
        *,
        scene_id: str | None = None,
        studio: str | None = None,
        performers: Iterable[Appearance] = (),
        tags: Iterable[str] = (),
        urls: Iterable[str | tuple[str, str]] = (),
        images: Iterable[str] = (),
        **columns: Any,
    ) -> str:
        """A scene; returns its id. `date` is YYYY, YYYY-MM or YYYY-MM-DD, `duration` in seconds."""
        with self.transaction():
            scene_id = self._add("scene", scene_id, {"title": title, "studio_id": studio, **columns})
            self._attach("scene", scene_id, urls=urls, images=images)
            self._cast(scene_id, performers)
            self._tag(scene_id, tags)
        return scene_id

    def _cast(self, scene: str, performers: Iterable[Appearance]) -> None:
        self.execute("DELETE FROM scene_performers WHERE scene_id = ?", (scene,))
        pairs = [(appearance, None) if isinstance(appearance, str) else appearance for appearance in performers]
        self.execute_many("INSERT INTO scene_performers VALUES (?, ?, ?)", [(scene, *pair) for pair in pairs])

    def _tag(self, scene: str, tags: Iterable[str]) -> None:
        self.execute("DELETE FROM scene_tags WHERE scene_id = ?", (scene,))
        self.execute_many("INSERT INTO scene_tags VALUES (?, ?)", [(scene, tag) for tag in dict.fromkeys(tags)])

    def submit(
        self,
        scene: str,
        algorithm: Algorithm,
        fingerprint: str | int,
        duration: int,
        *,
        users: int | Sequence[str] = 1,
        vote: int = 1,
    ) -> None:
        """Fingerprints as users submit them: each user has one vote per scene and fingerprint, the last one counts."""
        number = number_of(fingerprint)
        with self.transaction():
            self.execute(
                "INSERT INTO fingerprints (hash, algorithm) VALUES (?, ?) ON CONFLICT DO NOTHING", (number, algorithm)
            )
            print_id = self.scalar("SELECT id FROM fingerprints WHERE hash = ? AND algorithm = ?", (number, algorithm))
            who = self.users(users) if isinstance(users, int) else users
            self.execute_many(
                "INSERT INTO scene_fingerprints VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (scene_id, user_id,"
                " fingerprint_id) DO UPDATE SET duration = excluded.duration, vote = excluded.vote",
                [(print_id, scene, user, duration, vote, self.now()) for user in who],
            )
