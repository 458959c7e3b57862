"""Postgres: embedded server, tables, migrations, bulk load, transformation. Nothing in here knows Dagster."""
