"""What a query becomes: a condition for back ends, and what was found out on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stash_pipeline.search.query.errors import QueryError
from stash_pipeline.search.query.names import MOST_RECORDS, Names, TooManyNamesError
from stash_pipeline.search.query.tree import Place, Words
from stash_pipeline.search.request import Condition, Sort


@dataclass(frozen=True)
class UnknownName:
    """A name that no record has. The query finds nothing where it must match.

    Attributes:
        field: of the query.
        name: as it was typed.
        similar: names that records have.
        place: of the name in the query.
    """

    field: str
    name: str
    similar: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Slot:
    """One marker of a sequence.

    Attributes:
        choices: one of them must hold: all of its sets must have a tag of the marker.
        own: whether a tag must be the marker's own; otherwise an ancestor counts, too.
        gap: milliseconds after the beginning of the marker before it, at most.
    """

    choices: tuple[tuple[tuple[UUID, ...], ...], ...]
    own: bool = False
    gap: int | None = None


Sequence = tuple[Slot, ...]
"""Markers of one scene on one server, each begins after the one before."""


@dataclass(frozen=True)
class Compiled:
    """A query that is ready to be answered.

    Attributes:
        sequences: of markers that are asked for, unless what is asked for is their absence.
        typed: the words without a field, unless they must be absent.
    """

    condition: Condition
    sort: tuple[Sort, ...]
    unknown: tuple[UnknownName, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    typed: tuple[Words, ...] = ()


@dataclass
class Context:
    """What is known while a query is compiled.

    Attributes:
        instances: ids by name.
        scenes: those that have a sequence of markers; None without a database.
    """

    query: str
    names: Names
    instances: Mapping[str, int]
    now: datetime
    scenes: Callable[[Sequence], tuple[UUID, ...]] | None = None
    unknown: list[UnknownName] = field(default_factory=list)

    def error(self, sentence: str, place: Place) -> QueryError:
        """An error that points at a part of the query."""
        return QueryError(sentence, self.query, place.start, place.end)

    def ids(self, name: str, entity: str, text: str, place: Place, *, prefix: bool, exact: bool) -> tuple[UUID, ...]:
        """The records with a name; an unknown name is noted.

        Args:
            name: of the field.
        """
        try:
            ids = self.names.ids(entity, text, prefix=prefix, exact=exact)
        except TooManyNamesError:
            sentence = f"More than {MOST_RECORDS:,} {entity} have such a name; write more of it."
            raise self.error(sentence, place) from None
        if not ids:
            self.unknown.append(UnknownName(name, text, self.names.similar(entity, text), place))
        return ids
