"""The shape of documents: a text is a text, a list is a list of what it should be of, and nothing else is in them.

Everything behind the client relies on it. A document of another shape is refused as a whole: without the field, what
was known of it would be lost.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

Kind = Literal["text", "number", "flag", "texts", "object", "objects"]

LARGEST: Final = 2**31 - 1
"""The largest GraphQL Int."""

_LONGEST_NUMBER: Final = 20
_DEEPEST: Final = 6
"""A scene's studio's parent is three deep."""

_KINDS: Final[Mapping[Kind, str]] = {
    "text": "id name disambiguation gender birth_date death_date ethnicity country eye_color hair_color breast_type "
    "cup_size title code details director release_date production_date date url type location description algorithm "
    "hash as created updated group accuracy merged_into_id",
    "number": "height width duration submissions reports career_start_year career_end_year band_size waist_size "
    "hip_size waist hip",
    "flag": "deleted",
    "texts": "aliases merged_ids",
    "object": "studio parent performer category site measurements birthdate",
    "objects": "urls images tags performers fingerprints tattoos piercings",
}
KINDS: Final[Mapping[str, Kind]] = {name: kind for kind, names in _KINDS.items() for name in names.split()}
"""Of every field that the queries select."""


class ShapeError(ValueError):
    """A field has a value of another type; the message is its name."""


def shaped(document: Mapping[str, Any], depth: int = 1) -> dict[str, Any]:
    """A document with the fields that the queries select.

    Raises:
        ShapeError: if one of them has a value of another type.
    """
    return {
        name: None if value is None else _value(name, KINDS[name], value, depth)
        for name, value in document.items()
        if name in KINDS
    }


def _value(name: str, kind: Kind, value: Any, depth: int) -> Any:
    if kind == "object" and isinstance(value, Mapping) and depth < _DEEPEST:
        return shaped(value, depth + 1)
    if kind in ("texts", "objects"):
        return _list(name, kind, value, depth)
    # software that is not strict about types writes numbers as texts, and texts of digits as numbers
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST
    if kind == "text" and (isinstance(value, str) or number):
        return value if isinstance(value, str) else str(value)
    if kind == "number" and (number or (isinstance(value, str) and len(value) <= _LONGEST_NUMBER)):
        return value
    if kind == "flag" and isinstance(value, bool):
        return value
    raise ShapeError(name)


def _list(name: str, kind: Kind, value: Any, depth: int) -> list[Any]:
    # an empty list and an empty object are one in PHP
    elements = [] if value == {} else value
    if not isinstance(elements, list) or depth >= _DEEPEST:
        raise ShapeError(name)
    present = [element for element in elements if element is not None]
    if not all(isinstance(element, str if kind == "texts" else Mapping) for element in present):
        raise ShapeError(name)
    return present if kind == "texts" else [shaped(element, depth + 1) for element in present]
