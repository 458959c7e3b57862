"""A Dagster pipeline that syncs Stash servers into one searchable Postgres database."""
