"""Processes: the web server and the daemon, Dagster's home and storage, runs in this process."""
