"""Schema ``ops``: the journals, counts and logs that keep the other schemas in step."""
