"""Turns the data of answers into documents, each object by itself: a damaged one spoils no other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from stash_pipeline.stashbox.dates import normalise_dates
from stash_pipeline.stashbox.endpoints import Entity
from stash_pipeline.stashbox.errors import StashBoxError, StashBoxUnexpectedError
from stash_pipeline.stashbox.models import Document, MergeTarget
from stash_pipeline.stashbox.shapes import ShapeError, shaped

_T = TypeVar("_T")


@dataclass(frozen=True)
class Fetched:
    """The answer to one id; None if the box does not have it."""

    document: Document | None


@dataclass(frozen=True)
class Merged:
    """What one object was merged into; None if into nothing."""

    target: MergeTarget | None


def either(read: Callable[[], _T]) -> _T | StashBoxError:
    """What is read, or the error: one damaged object spoils no other."""
    try:
        return read()
    except StashBoxUnexpectedError as error:
        return error


class AnswerParser:
    """Parses what one box answers; `name` is that of the box, for messages."""

    def __init__(self, name: str) -> None:
        self._name = name

    def scenes(self, value: Any, what: str) -> list[Document]:
        """The scenes of a list; what is null is left out."""
        if not isinstance(value, list):
            raise self.unexpected(what, "a list of scenes")
        return [self.document(scene, what) for scene in value if scene is not None]

    def fetched(self, entity: Entity, data: dict[str, Any], alias: str, identifier: str) -> Fetched:
        """The object under an alias, which must be the one that was asked for."""
        if alias not in data:
            raise self.unexpected(entity, "one of the objects that were asked for")
        if data[alias] is None:
            return Fetched(None)
        document = self.document(data[alias], entity)
        if document["id"].lower() != identifier.lower():
            raise self.unexpected(entity, "the object that was asked for")
        return Fetched(document)

    def merged(self, result: Any, identifier: str) -> Merged:
        """What the newest of the edits merged an object into."""
        edits = result.get("edits") if isinstance(result, dict) else None
        if not isinstance(edits, list):
            raise self.unexpected("merges", "a list of edits")
        for edit in edits:
            if not isinstance(edit, dict) or not isinstance(edit.get("merge_sources"), list):
                raise self.unexpected("merges", "an edit with its sources")
            # those into the object match as well
            sources = [source.get("id") for source in edit["merge_sources"] if isinstance(source, dict)]
            target = edit.get("target")
            if identifier.lower() in [str(source).lower() for source in sources] and isinstance(target, dict):
                target_id, closed = target.get("id"), edit.get("closed")
                if isinstance(target_id, str) and target_id.lower() != identifier.lower():
                    return Merged(MergeTarget(target_id, target.get("deleted") is True, closed if closed else None))
        return Merged(None)

    def document(self, value: Any, what: str) -> Document:
        """An object with the types that it should have, and dates as the tables have them."""
        if not isinstance(value, dict) or not isinstance(value.get("id"), str) or not value["id"]:
            raise self.unexpected(what, "an object with an id")
        try:
            document = shaped(value)
        except ShapeError as error:
            raise StashBoxUnexpectedError(
                f"{self._name} answered {what} with an object whose field {error} has another type than it should; "
                "nothing of that object was used."
            ) from None
        normalise_dates(document)
        return document

    def unexpected(self, what: str, expected: str) -> StashBoxUnexpectedError:
        """The error about an answer without what it should have."""
        return StashBoxUnexpectedError(
            f"{self._name} answered {what} without {expected}; nothing of the answer was used."
        )
