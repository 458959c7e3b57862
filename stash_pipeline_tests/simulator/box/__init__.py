"""Tests of the simulated stash-box."""
