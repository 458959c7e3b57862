"""Layer ``search``: the documents of the search, one per record of the catalog and per scene marker.

What an index needs to follow is here too: when documents changed, which are gone, and of which state they are. The
search itself is in ``stash_pipeline/search``.
"""
