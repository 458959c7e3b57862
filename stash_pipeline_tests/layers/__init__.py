"""Shared layers over all instances: small ones that tests register."""
