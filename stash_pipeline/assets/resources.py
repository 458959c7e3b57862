"""The resources of the definitions: the settings, the database, and the clients of Stash servers.

They are plain objects instead of ``ConfigurableResource``, because the UI would show their configuration, and the
address of the database contains its password.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import dagster as dg

from stash_pipeline.instances import Instance
from stash_pipeline.settings import Settings
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stashbox.client import StashBoxClient
from stash_pipeline.stashbox_registry import StashBoxEndpoint
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.session import join_warehouse

WAREHOUSE: Final = "warehouse"
CLIENTS: Final = "clients"
BOXES: Final = "boxes"


class WarehouseResource:
    """The settings of runs and ticks, and their database."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings

    @property
    def settings(self) -> Settings:
        """The current settings: the address of a private Postgres is known only once it runs."""
        return self._settings()

    def url(self) -> str:
        """The address of the database, which is started and migrated if necessary.

        Raises:
            UserError: if it is not available.
        """
        return join_warehouse(self.settings)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Opens a new connection.

        Raises:
            UserError: if the database cannot be reached.
        """
        with connect(self.url()) as connection:
            yield connection


class StashClients:
    """Creates clients for the servers of instances."""

    def client(self, settings: Settings, instance: Instance) -> StashClient:
        """A client, which the caller must close.

        Raises:
            UserError: if the API key or other access data are not available.
        """
        return instance.client(settings)


class StashBoxClients:
    """Creates clients for registered stash-boxes."""

    def client(self, settings: Settings, endpoint: StashBoxEndpoint) -> StashBoxClient:
        """A client, which the caller must close.

        Raises:
            UserError: if the API key is not available.
        """
        return endpoint.client(settings)


def resources(settings: Callable[[], Settings], partitioned: Mapping[str, str]) -> dict[str, Any]:
    """The resources by their names in the definitions.

    Args:
        partitioned: by the name of a job, what to say if it is launched without a partition.
    """

    def warehouse(context: dg.InitResourceContext) -> WarehouseResource:
        run = context.run if context else None
        # Before a step begins, Dagster looks for the partitions of what it reads, and fails with a message of its own.
        if run and run.job_name in partitioned and not run.asset_selection and "dagster/partition" not in run.tags:
            raise dg.DagsterInvariantViolationError(partitioned[run.job_name])
        return WarehouseResource(settings)

    return {WAREHOUSE: dg.ResourceDefinition(warehouse), CLIENTS: StashClients(), BOXES: StashBoxClients()}
