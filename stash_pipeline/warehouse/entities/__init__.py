"""Schema ``stash``: the SQL that derives entities and joins from documents."""
