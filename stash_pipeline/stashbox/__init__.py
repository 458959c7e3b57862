"""A stash-box: its endpoints, its GraphQL and its errors. It is only read: no request submits, votes or edits.

Knows neither Postgres nor Dagster. The registry of endpoints is ``stashbox_registry.py``, the limiter that all
processes share is in ``warehouse/ops/request_limiter.py``.
"""
