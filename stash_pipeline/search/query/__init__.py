"""The query language: what a person types becomes a search request. ``docs/search.md`` describes it."""
