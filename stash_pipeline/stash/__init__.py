"""A Stash server, seen from outside: client, introspection, entity specification, paging.

Nothing in here knows Dagster or Postgres.
"""
