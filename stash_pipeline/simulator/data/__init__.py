"""Data files of the simulator: the GraphQL schema by release, and the tables of the newest database layout."""
