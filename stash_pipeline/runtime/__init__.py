"""Processes: Dagster's web server and daemon, its home and storage, and in-process runs."""
