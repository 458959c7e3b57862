"""Schema ``raw``: documents as the servers sent them, their history, and the ledger of responses."""
