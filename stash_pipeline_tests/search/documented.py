"""Servers of given documents, through all shared layers."""

from stash_pipeline.layers import LAYERS
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER
from stash_pipeline_tests.catalog import documented
from stash_pipeline_tests.matches import working as matches
from stash_pipeline_tests.mirror.working import looking_at
from stash_pipeline_tests.search import working as search


class DocumentedServers(documented.DocumentedServers):
    """Servers that have documents, and all layers above them."""

    def follow_all(self) -> None:
        """Lets matches, the catalog and the search follow, which ends in the rows that a rebuild makes."""
        search.follow_search(self)
        with connect(self.database_url) as connection:
            shared_layers.follow(connection, DUPLICATES_LAYER, LAYERS)
        connection = looking_at(self.database_url)
        followed = {**matches.contents(connection), **self.contents(), **search.contents(connection)}
        rebuilt = {**matches.rebuilt(self.database_url), **self.rebuilt(), **search.rebuilt(self)}
        assert {name: rows for name, rows in followed.items() if rows != rebuilt[name]} == {}
