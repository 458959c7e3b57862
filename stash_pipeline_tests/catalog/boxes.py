"""Stash-boxes to which the objects of generated servers are linked, without servers behind them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from stash_pipeline.simulator.invented import ENDPOINTS
from stash_pipeline.stashbox_registry import add_endpoint, edit_endpoint, remove_endpoint
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.stashbox.documents import mark_stale, store_documents, store_successors
from stash_pipeline.warehouse.stashbox.due import SINGULAR
from stash_pipeline.warehouse.stashbox.touched import objects_of, publish_objects
from stash_pipeline_tests.catalog.working import Object, Servers

Document = dict[str, Any]

NAMES: Final = ("kitebox", "lanternbox")


@dataclass
class Boxes:
    """The boxes that generated objects are linked to, registered in the order of their names.

    Attributes:
        ids: of the endpoints.
    """

    servers: Servers
    home: Path
    ids: list[int] = field(default_factory=list)
    now: datetime = datetime(2026, 3, 1, tzinfo=timezone.utc)

    def register(self) -> None:
        """Registers them."""
        with connect(self.servers.database_url) as connection:
            self.ids = [
                add_endpoint(connection, name, url, home=self.home).id
                for name, url in zip(NAMES, ENDPOINTS, strict=True)
            ]

    def remove(self) -> None:
        """Removes them."""
        with connect(self.servers.database_url) as connection:
            for name in NAMES:
                remove_endpoint(connection, name)

    def edit(self, number: int = 0, **values: Any) -> None:
        """Changes the registration of one."""
        with connect(self.servers.database_url) as connection:
            edit_endpoint(connection, NAMES[number], home=self.home, **values)

    def answer(self, entity: str, documents: Mapping[str, Document | None], number: int = 0, days: float = 1) -> None:
        """Stores what a box answers so many days later, as a run does."""
        self.now += timedelta(days=days)
        with connect(self.servers.database_url) as connection, connection.transaction():
            changed = store_documents(connection, self.ids[number], entity, documents, now=self.now)
            publish_objects(connection, entity, objects_of(connection, self.ids[number], entity, changed))

    def merge(self, entity: str, old: str, new: str, number: int = 0) -> None:
        """A box merges a record into another one, and says so by its edits alone."""
        self.answer(entity, {old: {"id": old, "deleted": True}}, number)
        with connect(self.servers.database_url) as connection, connection.transaction():
            changed = store_successors(connection, self.ids[number], entity, {old: new}, now=self.now)
            publish_objects(connection, entity, objects_of(connection, self.ids[number], entity, changed))

    def wait(self, entity: str, days: float, number: int = 0) -> None:
        """A run so many days later gets no answers."""
        self.now += timedelta(days=days)
        with connect(self.servers.database_url) as connection, connection.transaction():
            stale = mark_stale(connection, self.ids[number], entity, now=self.now)
            publish_objects(connection, entity, objects_of(connection, self.ids[number], entity, stale))

    def link(self, entity: str, one: Object, *ids: str, number: int = 0) -> None:
        """Gives an object these ids of a box and no others."""
        singular = SINGULAR[entity]
        self.servers.execute(
            f"DELETE FROM stash.{singular}_stash_ids WHERE instance_id = %s AND {singular}_id = %s AND endpoint = %s",
            [*one, ENDPOINTS[number]],
        )
        for each in ids:
            self.servers.execute(
                f"INSERT INTO stash.{singular}_stash_ids (instance_id, {singular}_id, endpoint, stash_id)\n"
                "VALUES (%s, %s, %s, %s)",
                [*one, ENDPOINTS[number], each],
            )
        self.servers.edit(entity, one, id=one[1])

    def linked_ids(self, entity: str, number: int) -> list[str]:
        """The ids that the servers have."""
        rows = self.servers.rows(
            f"SELECT DISTINCT stash_id FROM stash.{SINGULAR[entity]}_stash_ids WHERE endpoint = %s ORDER BY 1",
            [ENDPOINTS[number]],
        )
        return [row[0] for row in rows]


def any_document(rng: random.Random, entity: str, key: str) -> Document | None:
    """A record as a box may have it: some fields, deleted, or not there."""
    roll = rng.random()
    if roll < 0.1:
        return None
    if roll < 0.2:
        return {"id": key, "deleted": True, "merged_into_id": rng.choice([None, "ab", key[::-1]])}
    made: Document = {"id": key, "deleted": False}
    choices: dict[str, list[Any]] = {
        "title": ["Lanterns", "Kites", None], "name": ["Lantern", "Kite"], "details": ["Long and longer", ""],
        "director": ["A. Person", None], "code": ["LT-1", "LT-2"], "release_date": ["2015", "2016-05", "2017-01-02"],
        "gender": ["FEMALE", "NON_BINARY", "?"], "birth_date": ["1990", "1991-04-05", None], "country": ["SE", None],
        "death_date": ["2020-01-01", None], "height": [170, 0, None], "eye_color": ["GREEN", None],
        "ethnicity": ["MIDDLE_EASTERN", 5], "career_start_year": [2001, None], "career_end_year": [2010, None],
        "description": ["Of paper", None], "tattoos": [[{"location": "Arm", "description": None}], None, "?"],
    }  # fmt: skip
    made.update({name: rng.choice(values) for name, values in choices.items() if rng.random() < 0.8})
    return made
