"""Schema ``matches``: which objects, of one instance or of several, are the same thing.

The rules and algorithms are in :mod:`stash_pipeline.matching`; here they are fed from ``stash``, and what follows from
them is stored. Per entity: objects become *features*, features have *keys*, objects with a key in common (or with near
perceptual hashes) are compared, what agrees makes *links*, and links make *clusters*.
"""
