"""Metrics for Prometheus: the state of the tables as numbers, and an endpoint that serves them."""
