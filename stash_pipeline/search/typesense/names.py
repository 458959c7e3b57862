"""Names of collections: ``<prefix>_v<version>_<number>``, and an alias ``<prefix>`` that points to the one in use.

A rebuild fills a collection with the next number. Each collection of documents has one of words; the states are in one
collection for all.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from stash_pipeline.search.typesense.client import TypesenseMissingObjectError, TypesenseServer
from stash_pipeline.search.typesense.schema import VERSION, states_schema


@dataclass(frozen=True)
class Names:
    """The names under one prefix."""

    prefix: str

    @property
    def alias(self) -> str:
        """Points to the documents in use."""
        return self.prefix

    @property
    def states(self) -> str:
        """The collection of states."""
        return f"{self.prefix}_states"

    @property
    def current_version(self) -> str:
        """How collections of this version begin."""
        return f"{self.prefix}_v{VERSION.replace('.', '_')}_"

    def words(self, documents: str) -> str:
        """The collection of words of a collection of documents."""
        return f"{documents}_words"

    def numbered(self, number: int) -> str:
        """A collection of documents of this version."""
        return f"{self.current_version}{number}"

    def owned(self, server: TypesenseServer) -> dict[str, int]:
        """All collections of documents and of words under the prefix, of every version, with their numbers."""
        pattern = re.compile(rf"{re.escape(self.prefix)}_v\d+_\d+_\d+_(\d+)(_words)?\Z")
        collections = server.call("list collections", lambda client: client.collections.retrieve())
        matches = [(collection["name"], pattern.match(collection["name"])) for collection in collections]
        return {name: int(match.group(1)) for name, match in matches if match}

    def target(self, server: TypesenseServer) -> str | None:
        """The collection that the alias points to, of any version."""
        try:
            alias = server.call("look up its alias", lambda client: client.aliases[self.alias].retrieve())
        except TypesenseMissingObjectError:
            return None
        return str(alias["collection_name"])

    def current(self, server: TypesenseServer) -> str | None:
        """The collection in use; None if there is none, or none of this version."""
        target = self.target(server)
        return target if target is not None and target.startswith(self.current_version) else None

    def make_states(self, server: TypesenseServer) -> None:
        """Makes the collection of states if it is missing."""
        create(server, states_schema(self.states))


def create(server: TypesenseServer, schema: dict[str, Any]) -> None:
    """Makes a collection, unless it is there."""
    from typesense.exceptions import ObjectAlreadyExists

    def ask(client: Any) -> None:
        # another process made it, or the first attempt of a request whose answer was lost
        with suppress(ObjectAlreadyExists):
            client.collections.create(schema)

    server.call(f"create the collection {schema['name']}", ask)
