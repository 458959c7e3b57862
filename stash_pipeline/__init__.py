"""A Dagster pipeline that mirrors Stash servers into one searchable Postgres database."""
