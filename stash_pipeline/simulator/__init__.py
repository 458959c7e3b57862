"""A simulated Stash server for demos and tests: a generated library in SQLite, served by GraphQL like a real server.

The pipeline reads the simulator over HTTP like any other server; this package has no part of the pipeline.
"""
