"""Full-text search over the catalog: documents, the query language, and the back ends that hold the index.

For programs::

    from stash_pipeline.search import open_search

    with open_search() as search:
        answer = search.search("beach tag:outdoor sort:-date", facets=["studio"])
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stash_pipeline.search.answer import Answer, AnswerHit, FacetCount
    from stash_pipeline.search.api import Search, open_search, search
    from stash_pipeline.search.highlights import Highlight
    from stash_pipeline.search.query.errors import QueryError
    from stash_pipeline.search.suggestions import Suggestion

_HOMES = {
    "Answer": "answer", "FacetCount": "answer", "AnswerHit": "answer", "Highlight": "highlights",
    "QueryError": "query.errors", "Search": "api", "Suggestion": "suggestions", "open_search": "api", "search": "api",
}  # fmt: skip

__all__ = [
    "Answer", "FacetCount", "AnswerHit", "Highlight", "QueryError", "Search", "Suggestion", "open_search", "search",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Imports what is asked for: the layers of the warehouse import this package for its documents alone."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
