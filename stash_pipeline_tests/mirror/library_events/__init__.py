"""What happens to a library, as a real server does it: with the timestamps that it moves, and those that it does not.

How events are written is in ``writing``; the others register theirs.
"""

from stash_pipeline_tests.mirror.library_events import catalogue, files, media, scenes
from stash_pipeline_tests.mirror.library_events.furnishing import furnish
from stash_pipeline_tests.mirror.library_events.writing import EVENTS, NothingToDoError, happen, mutate

__all__ = ["EVENTS", "NothingToDoError", "catalogue", "files", "furnish", "happen", "media", "mutate", "scenes"]
