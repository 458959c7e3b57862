"""Objects as the commands on matches name them: ``INSTANCE:ID``, and scenes of stash-boxes: ``BOX:ID``.

If an instance and a box have the same name, an id that is a whole number belongs to the instance; ``box/NAME:ID``
always means the box. A scene of a box can also be named by the address of its web page.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from stash_pipeline.commands.options import LARGEST_ID
from stash_pipeline.commands.output import console
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings
from stash_pipeline.stashbox.endpoints import endpoint_key, web_base
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.matches.decisions import BoxRecord
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.session import open_warehouse
from stash_pipeline.warehouse.stashbox.due import is_id

CLUSTER_OF = """
SELECT m.cluster_id, m.instance_id, m.id FROM matches.members AS m WHERE m.entity = %(entity)s AND m.cluster_id = (
    SELECT o.cluster_id FROM matches.members AS o
    WHERE o.entity = %(entity)s AND o.instance_id = %(instance)s AND o.id = %(id)s)
ORDER BY 2, 3
"""


_BOX: Final = "box/"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Box:
    """A registered stash-box."""

    id: int
    name: str
    url: str


@dataclass(frozen=True)
class InstanceNames:
    """Names of instances and stash-boxes, both ways."""

    names: Mapping[int, str]
    boxes: Sequence[Box] = ()

    def parse_any(self, text: str) -> Node | BoxRecord:
        """An object, or a scene of a stash-box, as people write it.

        Raises:
            UserError: if it is neither.
        """
        plain = text.strip()
        if plain.lower().startswith(("http://", "https://")):
            return self._parse_page(plain)
        name, _, identifier = plain.rpartition(":")
        explicit = name.lower().startswith(_BOX)
        name = name[len(_BOX) :] if explicit else name
        box = self._box(name)
        taken = any(instance.lower() == name.lower() for instance in self.names.values())
        if box is None and name and (explicit or (not taken and _UUID.fullmatch(identifier.lower()))):
            registered = ", ".join(registered_box.name for registered_box in self.boxes) or "none yet"
            raise UserError(
                f"There is no stash-box {name!r} (registered: {registered}); add it with `stash-pipeline boxes add`."
            )
        if box is None or (not explicit and taken and identifier.isdecimal()):
            return self.parse(text)
        return self._record(box, identifier, text)

    def _parse_page(self, address: str) -> BoxRecord:
        for box in self.boxes:
            pages = web_base(box.url) + "scenes/"
            if address.lower().startswith(pages.lower()):
                return self._record(box, address[len(pages) :].split("?")[0].split("#")[0].strip("/"), address)
        raise UserError(
            f"{address} is not the page of a scene of a registered stash-box; `stash-pipeline boxes list` shows them."
        )

    @staticmethod
    def _record(box: Box, identifier: str, text: str) -> BoxRecord:
        if not is_id(identifier.lower()):
            raise UserError(
                f"{text!r} is not a scene of {box.name}; write {box.name}:UUID, or the address of its web page."
            )
        return BoxRecord(endpoint_key(box.url), identifier.lower())

    def _box(self, name: str) -> Box | None:
        return next((box for box in self.boxes if box.name.lower() == name.lower()), None)

    @staticmethod
    def is_uuid(record: BoxRecord) -> bool:
        """Whether the id is one as boxes make them."""
        return _UUID.fullmatch(record.id) is not None

    def box(self, record: BoxRecord) -> Box | None:
        """The registered box that has a record."""
        return next((box for box in self.boxes if endpoint_key(box.url) == record.endpoint), None)

    def write_record(self, record: BoxRecord) -> str:
        """A scene of a box, as :meth:`parse_any` reads it if the box is registered."""
        box = self.box(record)
        if box is None:
            return f"{record.endpoint}:{record.id}"
        taken = any(instance.lower() == box.name.lower() for instance in self.names.values())
        return f"{_BOX if taken else ''}{box.name}:{record.id}"

    def parse(self, text: str) -> Node:
        """An object as people write it.

        Raises:
            UserError: if it is not INSTANCE:ID, or there is no such instance.
        """
        name, _, identifier = text.strip().rpartition(":")
        if not name or not identifier.isdecimal() or not 0 < int(identifier) <= LARGEST_ID:
            if self._box(name.lower().removeprefix(_BOX)):
                raise UserError(
                    f"{text!r} is a scene of a stash-box; name an object of an instance, for example "
                    f"{self._example()}:17."
                )
            raise UserError(f"{text!r} is not an object; write INSTANCE:ID, for example {self._example()}:17.")
        for instance_id, instance in self.names.items():
            if instance.lower() == name.lower():
                return instance_id, int(identifier)
        boxes = f"; stash-boxes: {', '.join(box.name for box in self.boxes)}" if self.boxes else ""
        raise UserError(
            f"There is no instance {name!r}; registered: {', '.join(self.names.values()) or 'none yet'}{boxes}."
        )

    def _example(self) -> str:
        return next(iter(self.names.values()), "home")

    def write(self, node: Node) -> str:
        """An object as :meth:`parse` reads it."""
        return f"{self.names.get(node[0], node[0])}:{node[1]}"


@contextmanager
def opened() -> Iterator[tuple[Settings, Connection, InstanceNames]]:
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        rows = connection.execute("SELECT id, name FROM ops.instances ORDER BY name").fetchall()
        boxes = connection.execute("SELECT id, name, url FROM ops.stashbox_endpoints ORDER BY lower(name)").fetchall()
        yield settings, connection, InstanceNames(dict(rows), [Box(*row) for row in boxes])


def refuse_missing(connection: Connection, entity: str, node: Node, instances: InstanceNames) -> None:
    """Says why an object has no cluster.

    Raises:
        UserError: always.
    """
    row = connection.execute(
        f"SELECT FROM stash.{entity} WHERE instance_id = %s AND id = %s", [node[0], node[1]]
    ).fetchone()
    if row is None:
        raise UserError(f"{entity} {instances.write(node)} does not exist; check the instance and the id.")
    raise UserError(
        f"{entity} {instances.write(node)} has not been matched yet; run `stash-pipeline rebuild matches`, or wait for "
        "the next sync."
    )


def say(sentence: str) -> None:
    """Prints a sentence as it is."""
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
