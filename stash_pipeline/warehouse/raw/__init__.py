"""Schema ``raw``: documents as the servers sent them, and what is known of their answers."""
