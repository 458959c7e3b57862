"""Survivorship rules: what becomes of a field of which the members of a cluster have several values.

A field without an entry in :data:`BY_FIELD` has the rule of its type. After a change, raise :data:`VERSION` and run
``python -m stash_pipeline.warehouse.catalog.documentation docs``; the next run makes the catalog anew.
"""

from dataclasses import dataclass
from typing import Final, Literal

VERSION: Final = 2

Criterion = Literal[
    "choice", "stash_box", "own_picture", "priority", "played_last", "precise", "newest", "longest", "lowest"
]
Method = Literal["survivor", "sum", "least", "greatest", "any", "merged"]

CRITERIA: Final[dict[Criterion, str]] = {
    "choice": "the object that a person chose, for this field before for all fields",
    "stash_box": "the value of a stash-box that is allowed and fresh; after `priority`, it fills in what no server has",
    "own_picture": "a picture of its own before the server's default one",
    "priority": "the instance with the smaller priority; then instances that are disabled or removed; then stash-boxes",
    "played_last": "the object that was played last",
    "precise": "a day before a month, a month before a year",
    "newest": "the object with the newest `updated_at`",
    "longest": "the longest text",
    "lowest": "the lowest instance id, then the lowest object id, then the lowest id of a stash-box's endpoint",
}
"""Each criterion decides only between objects that the earlier ones leave equal."""

METHODS: Final[dict[Method, str]] = {
    "survivor": "the value of one object, by the criteria in order; empty values take no part, unless a person chose "
    "them",
    "sum": "the sum of all",
    "least": "the least of all",
    "greatest": "the greatest of all",
    "any": "true if it is true anywhere",
    "merged": "the keys of all, each with the value of the first object in order of choice, priority, newest, lowest",
}


@dataclass(frozen=True)
class Rule:
    """What becomes of a field.

    Attributes:
        criteria: in order; of method ``survivor`` only.
        compared: members with different values disagree, which ``catalog.conflicts`` shows.
        per_instance: the values are also in ``catalog.by_instance``, because each server has its own.
    """

    name: str
    method: Method
    why: str
    criteria: tuple[Criterion, ...] = ()
    compared: bool = True
    per_instance: bool = False


FACT: Final = Rule(
    "fact",
    "survivor",
    "the server that comes first is right where it says something: its owner accepted that, and may have typed it",
    ("choice", "priority", "stash_box", "newest", "longest", "lowest"),
)
PROSE: Final = Rule(
    "prose",
    "survivor",
    "of texts that people write, the longest says most",
    ("choice", "priority", "stash_box", "longest", "newest", "lowest"),
)
DATE: Final = Rule(
    "date",
    "survivor",
    "a year agrees with every day of it, and says less",
    ("choice", "priority", "stash_box", "precise", "newest", "lowest"),
)
COURSE: Final = Rule(
    "course",
    "survivor",
    "it changes with time: what a server took over from a stash-box years ago is out of date",
    ("choice", "stash_box", "priority", "precise", "newest", "longest", "lowest"),
)
RATING: Final = Rule(
    "rating",
    "survivor",
    "an average is nobody's opinion; all ratings are in `catalog.by_instance`",
    ("choice", "priority", "newest", "lowest"),
    per_instance=True,
)
PATH: Final = Rule(
    "path",
    "survivor",
    "a path is one of its server, which `catalog.provenance` names",
    ("choice", "own_picture", "priority", "newest", "lowest"),
    compared=False,
)
RESUME: Final = Rule(
    "resume",
    "survivor",
    "where one stopped watching most recently",
    ("choice", "played_last", "priority", "lowest"),
    compared=False,
    per_instance=True,
)
TOTAL: Final = Rule("total", "sum", "each server counts what happens on it", compared=False, per_instance=True)
LAST: Final = Rule("last", "greatest", "the last time anywhere", compared=False)
LAST_PLAYED: Final = Rule("last played", "greatest", "the last time anywhere", compared=False, per_instance=True)
FIRST: Final = Rule("first", "least", "since when a server has it", compared=False)
FLAG: Final = Rule("flag", "any", "people set flags, and seldom clear them", compared=False)
OWN_FLAG: Final = Rule("own flag", "any", "people set flags, and seldom clear them", compared=False, per_instance=True)
MERGED: Final = Rule("merged", "merged", "each key is a field of its own", compared=False)

BY_TYPE: Final = {
    "text": FACT,
    "integer": FACT,
    "bigint": FACT,
    "double precision": FACT,
    "boolean": FLAG,
    "timestamptz": LAST,
    "partial_date": DATE,
    "path": PATH,
    "jsonb": MERGED,
    "reference": FACT,
}

BY_FIELD: Final = {
    "details": PROSE,
    "description": PROSE,
    "synopsis": PROSE,
    "tattoos": PROSE,
    "piercings": PROSE,
    "death_date": COURSE,
    "career_length": COURSE,
    "rating100": RATING,
    "play_count": TOTAL,
    "play_duration": TOTAL,
    "o_counter": TOTAL,
    "last_played_at": LAST_PLAYED,
    "resume_time": RESUME,
    "organized": OWN_FLAG,
    "favorite": OWN_FLAG,
    "created_at": FIRST,
}


def rule_of(field: str, kind: str) -> Rule:
    """The rule of a field.

    Args:
        kind: the type of the field in the entity specification, or ``reference``.
    """
    return BY_FIELD.get(field) or BY_TYPE[kind]
