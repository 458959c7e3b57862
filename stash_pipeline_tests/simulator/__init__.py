"""Tests of the simulated Stash server."""
