"""The search index in tantivy: a directory below the home, without a server. The default back end."""

from stash_pipeline.search.tantivy.backend import TantivyBackend

__all__ = ["TantivyBackend"]
