"""Tests of the stash-box client, its limiter and its registry, against a server on loopback with scripted answers."""
