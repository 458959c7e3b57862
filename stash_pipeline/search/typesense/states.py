"""The state of each collection of documents, as a row of the collection of states.

While changes are written, the state says so: ``changing`` is the state that they lead to. The state that is read stays
the old one until all changes are in, so what the index holds is never behind what it claims.
"""

from dataclasses import asdict, dataclass

import orjson

from stash_pipeline.search.backend import IndexState
from stash_pipeline.search.typesense.client import TypesenseMissingObjectError, TypesenseServer
from stash_pipeline.search.typesense.names import Names


@dataclass(frozen=True)
class StoredState:
    """A state on the server.

    Attributes:
        changing: the state that unfinished changes lead to. writer: names who began them.
    """

    state: IndexState
    changing: IndexState | None = None
    writer: str | None = None


def state_of(server: TypesenseServer, names: Names, collection: str) -> StoredState | None:
    """The state of a collection of documents; None if it has none: it was never completed."""
    try:
        row = server.row(names.states, collection)
        fields = orjson.loads(row["state"])
        changing = fields.get("changing")
        return StoredState(
            IndexState(**fields["state"]), IndexState(**changing) if changing else None, fields.get("writer")
        )
    except TypesenseMissingObjectError:
        return None
    except (KeyError, TypeError, ValueError):
        return None


def store_state(server: TypesenseServer, names: Names, collection: str, stored: StoredState) -> None:
    """Writes the state of a collection of documents."""
    text = orjson.dumps(asdict(stored)).decode()
    server.put_rows(names.states, [{"id": collection, "revision": stored.state.revision, "state": text}])


def remove_states(server: TypesenseServer, names: Names, collections: list[str]) -> None:
    """Removes the states of collections that no longer exist."""
    if collections:
        server.delete_rows(names.states, collections)
