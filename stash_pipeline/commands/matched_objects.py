"""Objects as the commands on matches name them: ``INSTANCE:ID``."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from stash_pipeline.commands.options import LARGEST_ID
from stash_pipeline.commands.output import console
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.session import open_warehouse

CLUSTER_OF = """
SELECT m.cluster_id, m.instance_id, m.id FROM matches.members AS m WHERE m.entity = %(entity)s AND m.cluster_id = (
    SELECT o.cluster_id FROM matches.members AS o
    WHERE o.entity = %(entity)s AND o.instance_id = %(instance)s AND o.id = %(id)s)
ORDER BY 2, 3
"""


@dataclass(frozen=True)
class InstanceNames:
    """Names of instances, both ways."""

    names: Mapping[int, str]

    def parse(self, text: str) -> Node:
        """An object as people write it.

        Raises:
            UserError: if it is not INSTANCE:ID, or there is no such instance.
        """
        name, _, identifier = text.strip().rpartition(":")
        if not name or not identifier.isdecimal() or not 0 < int(identifier) <= LARGEST_ID:
            raise UserError(f"{text!r} is not an object; write INSTANCE:ID, for example {self._example()}:17.")
        for instance_id, known in self.names.items():
            if known.lower() == name.lower():
                return instance_id, int(identifier)
        raise UserError(f"There is no instance {name!r}; registered: {', '.join(self.names.values()) or 'none yet'}.")

    def _example(self) -> str:
        return next(iter(self.names.values()), "home")

    def write(self, node: Node) -> str:
        """The same, backwards."""
        return f"{self.names.get(node[0], node[0])}:{node[1]}"


@contextmanager
def opened() -> Iterator[tuple[Settings, Connection, InstanceNames]]:
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        rows = connection.execute("SELECT id, name FROM ops.instances ORDER BY name").fetchall()
        yield settings, connection, InstanceNames(dict(rows))


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
