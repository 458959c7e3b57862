"""A simulated Stash server: an invented library in SQLite, answered through GraphQL as a real server would.

Here: what stands in for the server in demos and tests.
Not here: anything that reads a Stash server; the pipeline meets the simulator over HTTP like any other.
"""
