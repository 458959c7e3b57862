"""A simulated stash-box for demos and tests: a community database in SQLite, served by GraphQL like a real one.

Clients read it over HTTP like any other box; this package has no part of the pipeline.
"""
