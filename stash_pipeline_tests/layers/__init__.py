"""Layers that are made of all instances: small ones, that tests register."""
