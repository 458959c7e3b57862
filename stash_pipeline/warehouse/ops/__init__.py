"""Schema ``ops``: the journal of runs, row counts, and the object log."""
