"""Views of schema ``stash`` for people and their tools: what takes more than a join to ask."""
