"""The back end of the search that holds its index on a Typesense server."""

from pathlib import Path
from typing import Final

import httpx

from stash_pipeline.errors import UserError
from stash_pipeline.search.backend import IndexState
from stash_pipeline.search.typesense.client import Connection, TypesenseServer
from stash_pipeline.search.typesense.lock import WriterLock
from stash_pipeline.search.typesense.names import Names
from stash_pipeline.search.typesense.places import place_of
from stash_pipeline.search.typesense.reader import TypesenseReader
from stash_pipeline.search.typesense.schema import VERSION
from stash_pipeline.search.typesense.states import state_of
from stash_pipeline.search.typesense.writer import TypesenseWriter
from stash_pipeline.settings import Settings

LOCK_FILE: Final = "typesense.lock"


class TypesenseBackend:
    """An index on a Typesense server; see :class:`stash_pipeline.search.backend.SearchBackend`.

    Args:
        connection: to the server. directory: for the lock of the writer. prefix: of the names of collections.
        transport: for tests.
    """

    name = "typesense"
    version = VERSION

    def __init__(
        self,
        connection: Connection,
        directory: Path,
        prefix: str = "stash",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._server = TypesenseServer(connection, transport)
        self._names = Names(prefix)
        self._directory = directory

    @classmethod
    def from_settings(cls, settings: Settings) -> "TypesenseBackend":
        """The back end that the settings choose.

        Raises:
            UserError: if they name no server or no key.
        """
        if settings.typesense_url is None:
            raise UserError("STASH_PIPELINE_TYPESENSE_URL is not set; set it to the address of your Typesense server.")
        if settings.typesense_key is None:
            raise UserError(
                "STASH_PIPELINE_TYPESENSE_URL is set without a key; set STASH_PIPELINE_TYPESENSE_KEY, or unset it."
            )
        connection = Connection(
            settings.typesense_url,
            settings.typesense_key.get_secret_value(),
            timeout=settings.typesense_timeout_seconds,
            ca_file=settings.typesense_ca_file,
        )
        return cls(connection, settings.home / "search", settings.typesense_prefix)

    @property
    def place(self) -> str:
        """The server and the prefix: hosts that name the same ones share the index."""
        return place_of(self._server.connection.url, self._names.prefix)

    def close(self) -> None:
        """Closes the connections."""
        self._server.close()

    def state(self) -> IndexState | None:
        """What the index holds; None if it is missing, incomplete or of another version, and must be rebuilt."""
        collection = self._names.current(self._server)
        stored = None if collection is None else state_of(self._server, self._names, collection)
        return None if stored is None else stored.state

    def is_present(self) -> bool:
        """True: the server is not asked, because it may be slow."""
        return True

    def reader(self) -> TypesenseReader:
        """Opens the index for searches.

        Raises:
            SearchIndexMissingError: if there is none.
        """
        reader = TypesenseReader(self._server, self._names)
        reader.state()
        return reader

    def writer(self, *, rebuild: bool = False, wait_seconds: float = 0.0) -> TypesenseWriter:
        """Opens the index for changes.

        Args:
            rebuild: begin with an empty index. Readers see the old one until the commit.

        Raises:
            SearchIndexLockedError: if another process still writes after that time.
            SearchIndexMissingError: if there is no index that can be changed.
        """
        lock = WriterLock(self._directory / LOCK_FILE, wait_seconds)
        lock.acquire()
        return TypesenseWriter(self._server, self._names, lock, rebuild=rebuild)

    def size(self) -> int | None:
        """Typesense does not tell the size of a collection."""
        return None
