"""Postgres: embedded server, tables, migrations, bulk load, transformation. Does not import Dagster."""
