"""Opens the back end that the settings choose."""

from typing import Final

from stash_pipeline.home_names import home_name
from stash_pipeline.search.backend import SearchBackend
from stash_pipeline.search.typesense.places import place_of
from stash_pipeline.settings import Settings

DIRECTORY: Final = "search"
"""Below the home: the embedded index, and the lock of who writes to a server."""


def backend_name(settings: Settings) -> str:
    """The name of the back end that the settings choose, without opening it."""
    return "tantivy" if settings.typesense_url is None else "typesense"


def backend_place(settings: Settings) -> str:
    """Where the index of the settings lies, without opening it."""
    if settings.typesense_url is not None:
        return place_of(settings.typesense_url, settings.typesense_prefix)
    return home_name(settings.home)


def open_backend(settings: Settings) -> SearchBackend:
    """The Typesense server of the settings; the embedded index if they name none.

    Raises:
        UserError: if there is no key for the server, or its client is not installed.
    """
    if settings.typesense_url is not None:
        from stash_pipeline.search.typesense.backend import TypesenseBackend

        return TypesenseBackend.from_settings(settings)
    from stash_pipeline.search.tantivy import TantivyBackend

    return TantivyBackend(settings.home / DIRECTORY)
