"""The resources of the definitions: the settings, the database, and the clients of Stash servers.

They are plain objects and no ``ConfigurableResource``: the page would show the configuration of one, and the address of
the database holds its password.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.session import join_warehouse

WAREHOUSE: Final = "warehouse"
CLIENTS: Final = "clients"


class WarehouseResource:
    """The settings that hold for runs and ticks, and the database that they lead to."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    @property
    def settings(self) -> Settings:
        """As they are now: the address of a private Postgres is known only once that runs."""
        return self._settings()

    def url(self) -> str:
        """The address of the database, which is started and migrated if it has to be.

        Raises:
            UserError: if there is none to be had.
        """
        return join_warehouse(self.settings)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection of one's own.

        Raises:
            UserError: if the database cannot be reached.
        """
        with connect(self.url()) as connection:
            yield connection


class StashClients:
    """Makes the clients of the servers of instances."""

    def client(self, settings: Settings, instance: Instance) -> StashClient:
        """A client, which the caller closes.

        Raises:
            UserError: if the API key, or whatever else gives access, is not there.
        """
        return instance.client(settings)


def resources(settings: Callable[[], Settings]) -> dict[str, Any]:
    """By their names in the definitions."""
    return {WAREHOUSE: WarehouseResource(settings), CLIENTS: StashClients()}
