"""Schema ``stash``: the SQL that makes entities and joins of documents."""
