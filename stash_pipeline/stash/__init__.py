"""A Stash server, seen from outside: client, introspection, entity specification, pagination.

Nothing in here knows Dagster or Postgres.
"""
