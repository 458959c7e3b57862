"""Servers of given documents, with the layers up to the catalog."""

from pathlib import Path

from stash_pipeline.instances import Instance
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.matches.documents import Documents, server_of, write_documents


class DocumentedServers(Servers):
    """Servers that have documents.

    Attributes:
        instances: in the order in which they were registered.
    """

    def __init__(self, database_url: str, home: Path) -> None:
        super().__init__(database_url, home)
        self.instances: list[Instance] = []

    def register(self, documents: Documents, name: str | None = None) -> Instance:
        """Another server."""
        with connect(self.database_url) as connection:
            instance = server_of(self.database_url, self.home, connection, documents)
            if name:
                connection.execute("UPDATE ops.instances SET name = %s WHERE id = %s", [name, instance.id])
        self.instances.append(instance)
        return instance

    def write(self, instance: Instance, documents: Documents) -> None:
        """Changes a server."""
        with connect(self.database_url) as connection:
            write_documents(connection, instance.id, documents)

    def cluster_sizes(self, entity: str) -> list[tuple[int, int]]:
        """How many objects of how many servers each cluster has, the largest first."""
        rows = self.rows(
            "SELECT size, instances FROM matches.clusters WHERE entity = %s ORDER BY 1 DESC, 2 DESC", [entity]
        )
        return [(size, instances) for size, instances in rows]
