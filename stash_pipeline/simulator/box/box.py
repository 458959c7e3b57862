"""A box, and what its users do to it: votes on fingerprints, edits, merges, deletions.

The effects, and what is left behind, are those of a stash-box. Adding rows is in ``content``.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from stash_pipeline.simulator.box.content import Algorithm, Appearance, BoxContent, Kind, number_of


class Box(BoxContent):
    """The content of a box."""

    @classmethod
    def create(cls, seed: int = 1, clock: Callable[[], datetime] | None = None) -> "Box":
        """A new, empty box in memory. The seed is that of the ids."""
        return cls(cls._connection(), seed, clock)

    @classmethod
    def in_file(cls, path: Path, seed: int = 1) -> "Box":
        """The box in a file, which is made if it does not exist; changes are written to the file."""
        return cls(cls._connection(path), seed, None)

    def copied(self) -> "Box":
        """A copy in memory, with the next ids of this box."""
        connection = self._connection()
        with self.lock:
            self.connection.backup(connection)
        made = type(self)(connection, 1, self.clock)
        made.rng.setstate(self.rng.getstate())
        return made

    # Fingerprints: `updated` of a scene does not change with them.

    def report(
        self, scene: str, algorithm: Algorithm, fingerprint: str | int, *, users: int | Sequence[str] = 1
    ) -> None:
        """Other users than those of the first submissions report a fingerprint as wrong."""
        print_id = self._print_id(algorithm, fingerprint)
        if isinstance(users, int):
            taken = {row[0] for row in self.tuples(
                "SELECT user_id FROM scene_fingerprints WHERE scene_id = ? AND fingerprint_id = ?", (scene, print_id)
            )}  # fmt: skip
            users = [user for user in self.users(len(taken) + users) if user not in taken][:users]
        duration = self.scalar(
            "SELECT duration FROM scene_fingerprints WHERE scene_id = ? AND fingerprint_id = ?", (scene, print_id)
        )
        self.submit(scene, algorithm, fingerprint, duration or 0, users=users, vote=-1)

    def withdraw(self, scene: str, algorithm: Algorithm, fingerprint: str | int) -> None:
        """A moderator deletes all submissions of a fingerprint."""
        self.execute(
            "DELETE FROM scene_fingerprints WHERE scene_id = ? AND fingerprint_id = ?",
            (scene, self._print_id(algorithm, fingerprint)),
        )

    def move(self, algorithm: Algorithm, fingerprint: str | int, source: str, target: str) -> None:
        """A moderator moves a fingerprint to another scene, without its reports and what users have voted there."""
        print_id = self._print_id(algorithm, fingerprint)
        with self.transaction():
            self.execute(
                "DELETE FROM scene_fingerprints WHERE scene_id = :source AND fingerprint_id = :print AND (vote = -1 OR"
                " user_id IN (SELECT user_id FROM scene_fingerprints WHERE scene_id = :target"
                " AND fingerprint_id = :print))",
                {"source": source, "target": target, "print": print_id},
            )
            self.execute(
                "UPDATE scene_fingerprints SET scene_id = ? WHERE scene_id = ? AND fingerprint_id = ?",
                (target, source, print_id),
            )

    def _print_id(self, algorithm: Algorithm, fingerprint: str | int) -> int:
        number = number_of(fingerprint)
        print_id = self.scalar("SELECT id FROM fingerprints WHERE hash = ? AND algorithm = ?", (number, algorithm))
        if print_id is None:
            raise KeyError(f"No scene has the {algorithm} {fingerprint}.")
        return int(print_id)

    # Edits

    def edit(self, kind: Kind, row_id: str, **columns: Any) -> None:
        """Changes columns, as an edit does; `updated` is the time of the change."""
        self.update(f"{kind}s", row_id, {**columns, "updated_at": self.now()})

    def edit_scene(
        self,
        scene: str,
        *,
        performers: Iterable[Appearance] | None = None,
        tags: Iterable[str] | None = None,
        urls: Iterable[str | tuple[str, str]] | None = None,
        images: Iterable[str] | None = None,
        **columns: Any,
    ) -> None:
        """Changes a scene: columns, and the relations that are given."""
        with self.transaction():
            self.edit("scene", scene, **columns)
            self._attach("scene", scene, urls=urls, images=images)
            if performers is not None:
                self._cast(scene, performers)
            if tags is not None:
                self._tag(scene, tags)

    def rename(self, kind: Kind, row_id: str, name: str, *, keep_as_alias: bool = False) -> None:
        """Changes the name, or the title of a scene; the old name may become an alias."""
        column = "title" if kind == "scene" else "name"
        with self.transaction():
            old = self.scalar(f"SELECT {column} FROM {kind}s WHERE id = ?", (row_id,))
            self.edit(kind, row_id, **{column: name})
            if keep_as_alias and kind != "scene":
                self.execute(f"INSERT INTO {kind}_aliases VALUES (?, ?)", (row_id, old))

    def set_aliases(self, kind: Kind, row_id: str, aliases: Iterable[str]) -> None:
        """Replaces the aliases of a performer, studio or tag."""
        with self.transaction():
            self._attach(kind, row_id, aliases=aliases)
            self.edit(kind, row_id)

    # The end of a row

    def merge(self, kind: Kind, source: str, target: str, *, with_edit: bool = True, keep_names: bool = False) -> None:
        """Merges one row into another: the source is deleted softly, and a redirect is written.

        Performers leave their scenes to the target, studios and tags too; the scenes' `updated` does not change. A
        merged scene leaves nothing: its fingerprints, performers and tags are neither moved nor deleted.
        `with_edit` records the edit, the only trace of the successor of a scene, studio or tag. `keep_names` writes the
        old name of a performer into the scenes.
        """
        self._require_active(kind, source)
        self._require_active(kind, target)
        with self.transaction():
            self.edit(kind, target)
            self.edit(kind, source, deleted=1)
            if kind == "performer":
                self._empty_performer(source)
                self._hand_over_scenes(source, target, keep_names)
            elif kind == "studio":
                self.execute("UPDATE scenes SET studio_id = ? WHERE studio_id = ?", (target, source))
            elif kind == "tag":
                self.execute("UPDATE OR IGNORE scene_tags SET tag_id = ? WHERE tag_id = ?", (target, source))
                self.execute("DELETE FROM scene_tags WHERE tag_id = ?", (source,))
            self.execute(f"UPDATE {kind}_redirects SET target_id = ? WHERE target_id = ?", (target, source))
            self.insert(f"{kind}_redirects", {"source_id": source, "target_id": target})
            if with_edit:
                self._record("MERGE", kind, target, {"new_data": {}, "merge_sources": [source]})

    def destroy(self, kind: Kind, row_id: str, *, with_edit: bool = True) -> None:
        """Deletes a row softly: it can still be found by its id, but has lost its relations."""
        self._require_active(kind, row_id)
        with self.transaction():
            self.edit(kind, row_id, deleted=1)
            if kind == "scene":
                for table in ("scene_tags", "scene_performers", "scene_images", "scene_fingerprints"):
                    self.execute(f"DELETE FROM {table} WHERE scene_id = ?", (row_id,))
            elif kind == "performer":
                self._empty_performer(row_id)
                self.execute("DELETE FROM scene_performers WHERE performer_id = ?", (row_id,))
            elif kind == "studio":
                self.execute("UPDATE scenes SET studio_id = NULL WHERE studio_id = ?", (row_id,))
                self.execute("DELETE FROM studio_aliases WHERE studio_id = ?", (row_id,))
            else:
                self.execute("DELETE FROM scene_tags WHERE tag_id = ?", (row_id,))
                self.execute("DELETE FROM tag_aliases WHERE tag_id = ?", (row_id,))
            if with_edit:
                self._record("DESTROY", kind, row_id, {"new_data": None})

    def delete(self, kind: Kind, row_id: str) -> None:
        """Deletes a row, as an administrator can: nothing of it remains."""
        self.execute(f"DELETE FROM {kind}s WHERE id = ?", (row_id,))

    def _require_active(self, kind: Kind, row_id: str) -> None:
        if self.scalar(f"SELECT deleted FROM {kind}s WHERE id = ?", (row_id,)) != 0:
            raise ValueError(f"There is no {kind} {row_id} that is not deleted.")

    def _empty_performer(self, performer: str) -> None:
        for part in ("aliases", "piercings", "tattoos", "urls", "images"):
            self.execute(f"DELETE FROM performer_{part} WHERE performer_id = ?", (performer,))

    def _hand_over_scenes(self, source: str, target: str, keep_names: bool) -> None:
        if keep_names:
            self.execute(
                'UPDATE scene_performers SET "as" = (SELECT name FROM performers WHERE id = performer_id)'
                ' WHERE performer_id = ? AND "as" IS NULL',
                (source,),
            )
        self.execute("UPDATE OR IGNORE scene_performers SET performer_id = ? WHERE performer_id = ?", (target, source))
        self.execute("DELETE FROM scene_performers WHERE performer_id = ?", (source,))

    def _record(self, operation: str, kind: Kind, target: str, data: dict[str, Any]) -> None:
        now = self.now()
        edit = {
            "id": self.new_id(),
            "user_id": self.users(1)[0],
            "operation": operation,
            "target_type": kind.upper(),
            "data": json.dumps(data),
            "status": "ACCEPTED",
            "applied": 1,
            "created_at": now,
            "updated_at": now,
            "closed_at": now,
        }
        self.insert("edits", edit)
        self.insert(f"{kind}_edits", {"edit_id": edit["id"], f"{kind}_id": target})
