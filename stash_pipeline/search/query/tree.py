"""What the parser makes of a query: its parts, with their places in the text. Nothing is looked up yet."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Characters ``start`` to ``end`` of the query, without the last."""

    start: int
    end: int


@dataclass(frozen=True)
class Words:
    """Words without a field, or the value of one.

    Attributes:
        text: without quotation marks and asterisk.
        quoted: whether it was in quotation marks.
        prefix: whether an asterisk followed.
    """

    text: str
    quoted: bool
    prefix: bool
    place: Place


@dataclass(frozen=True)
class Compared:
    """``>value`` and the like."""

    sign: str
    value: Words

    @property
    def place(self) -> Place:
        """Of the value."""
        return self.value.place


@dataclass(frozen=True)
class Ranged:
    """``low..high``, inclusive; an empty text is open."""

    text: str
    low: Words
    high: Words
    place: Place


SingleValue = Words | Compared | Ranged
"""A value without alternatives."""


@dataclass(frozen=True)
class Chosen:
    """``(a or b AND c)``: one of the lists, all of its values."""

    choices: tuple[tuple[SingleValue, ...], ...]
    place: Place


Value = SingleValue | Chosen


@dataclass(frozen=True)
class Filter:
    """``field:value``.

    Attributes:
        field: as it was typed, without the colon.
        exact: whether ``=`` was before the value.
        place: of the name of the field.
    """

    field: str
    value: Value
    exact: bool
    place: Place


@dataclass(frozen=True)
class Moment:
    """``marker:value``."""

    value: Value
    exact: bool
    place: Place


@dataclass(frozen=True)
class Moments:
    """Markers one after the other.

    Attributes:
        gaps: between each and the next one, at most; None for any. The text of the time, with its place.
    """

    moments: tuple[Moment, ...]
    gaps: tuple[Words | None, ...]


@dataclass(frozen=True)
class Negated:
    """``-part``."""

    part: "Part"


@dataclass(frozen=True)
class Together:
    """All parts."""

    parts: tuple["Part", ...]


@dataclass(frozen=True)
class Alternatives:
    """At least one part."""

    parts: tuple["Part", ...]


Part = Words | Filter | Moments | Negated | Together | Alternatives
