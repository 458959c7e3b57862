"""The fields of the query language: what each is called, which values it takes, and the condition it becomes.

A field is an entry of ``FIELDS``, from which the documentation is made. ``sort`` and ``marker`` are not conditions on
one value; ``build.py`` has them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from stash_pipeline.search.documents import ENTITIES, RESOLUTIONS
from stash_pipeline.search.folding import begins_pairs, fold, query_tokens
from stash_pipeline.search.query import values
from stash_pipeline.search.query.compiled import Context
from stash_pipeline.search.query.errors import did_you_mean
from stash_pipeline.search.query.tree import Compared, Ranged, SingleValue, Words
from stash_pipeline.search.query.values import Interval
from stash_pipeline.search.request import AnyOf, Between, Condition, Exists, Fuzziness, Not, Word


def typed_word(words: Words, match: Fuzziness, field: str | None) -> Word | None:
    """The condition that words are in a document; None if they have no tokens."""
    tokens = tuple(query_tokens(words.text))
    if not tokens:
        return None
    open_end = words.prefix or begins_pairs(tokens[-1])
    return Word(tokens, "prefix" if open_end else match, field)


class Kind(Protocol):
    """What the values of a field are."""

    @property
    def wants(self) -> str:
        """The values in words, for errors and the documentation."""

    @property
    def separates(self) -> bool:
        """Whether a comma separates values."""

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """The condition that a value becomes.

        Raises:
            QueryError: if it is not one.
        """


def _only_words(context: Context, name: str, value: SingleValue, wants: str) -> Words:
    if isinstance(value, Words):
        return value
    what = "a comparison" if isinstance(value, Compared) else "a range"
    raise context.error(f"{name}: takes no {what[2:]}; write {wants}.", value.place)


@dataclass(frozen=True)
class TextKind:
    """Words in one field of the document."""

    field: str
    wants: str = "words"
    separates: bool = False

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        if isinstance(value, Ranged):
            value = Words(value.text, False, False, value.place)
        words = _only_words(context, name, value, self.wants)
        word = typed_word(words, "exact", self.field)
        if word is None:
            raise context.error(f"{name}: needs words to look for.", words.place)
        return word


@dataclass(frozen=True)
class NumberKind:
    """A value, a comparison or a range of something that has an order."""

    field: str
    interval: Callable[[str, datetime], Interval | None]
    wants: str
    separates: bool = True

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        if isinstance(value, Ranged):
            return self._range(context, name, value)
        if isinstance(value, Compared):
            low, high, point = self._interval(context, name, value.value)
            if not point and high is None and value.sign == ">":
                return AnyOf(self.field, ())
            last = low if point else high
            return {
                ">": Between(self.field, None if last is None else last + 1, None),
                ">=": Between(self.field, low, None),
                "<": Between(self.field, None, None if low is None else low - 1),
                "<=": Between(self.field, None, last),
            }[value.sign]
        if not value.quoted and value.text.casefold() in ("none", "any"):
            there = Exists(self.field)
            return there if value.text.casefold() == "any" else Not(there)
        low, high, _ = self._interval(context, name, value)
        return Between(self.field, low, high)

    def _range(self, context: Context, name: str, value: Ranged) -> Condition:
        if not value.low.text and not value.high.text:
            raise context.error(f"{name}: needs a value on one side of the dots at least.", value.place)
        low = self._interval(context, name, value.low).low if value.low.text else None
        high = None
        if value.high.text:
            first, last, point = self._interval(context, name, value.high)
            high = first if point else last
        if low is not None and high is not None and low > high:
            raise context.error(f"The range of {name}: ends before it begins; swap its ends.", value.place)
        return Between(self.field, low, high)

    def _interval(self, context: Context, name: str, words: Words) -> Interval:
        interval = None if words.prefix else self.interval(words.text.strip(), context.now)
        if interval is None:
            raise context.error(f"{name}: takes {self.wants}.", words.place)
        return interval


@dataclass(frozen=True)
class NamesKind:
    """Names of records of an entity.

    Attributes:
        own_field: for ``=``: without descendants.
    """

    entity: str
    field: str
    own_field: str | None = None
    separates: bool = True

    @property
    def wants(self) -> str:
        """As the protocol says."""
        below = ", children included; after = without them" if self.own_field else ""
        return f"a name or alias{below}; none; any"

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        field = self.own_field if exact and self.own_field else self.field
        words = _only_words(context, name, value, "a name")
        if not words.quoted and words.text.casefold() in ("none", "any"):
            return Exists(field) if words.text.casefold() == "any" else Not(Exists(field))
        if not fold(words.text):
            raise context.error(f"{name}: needs a name.", words.place)
        return AnyOf(field, context.ids(name, self.entity, words.text, words.place, prefix=words.prefix, exact=exact))


@dataclass(frozen=True)
class ChoiceKind:
    """One of some known values.

    Attributes:
        values: the condition of each, by its folded names.
        shown: the names for errors.
    """

    values: Mapping[str, Condition]
    shown: tuple[str, ...]
    separates: bool = True

    @property
    def wants(self) -> str:
        """As the protocol says."""
        return ", ".join(self.shown[:-1]) + f" or {self.shown[-1]}"

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        words = _only_words(context, name, value, self.wants)
        condition = self.values.get(fold(words.text))
        if condition is None:
            hint = did_you_mean(words.text, self.shown)
            end = hint or "."
            raise context.error(f"{name}: takes {self.wants}{end}", words.place)
        return condition


@dataclass(frozen=True)
class InstanceKind:
    """Names of instances."""

    wants: str = "the name of an instance"
    separates: bool = True

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        words = _only_words(context, name, value, self.wants)
        typed = words.text.casefold()
        ids = tuple(
            sorted(
                identifier
                for instance, identifier in context.instances.items()
                if instance.casefold() == typed or words.prefix and instance.casefold().startswith(typed)
            )
        )
        if not ids:
            registered = ", ".join(sorted(context.instances)) or "none is registered"
            hint = did_you_mean(words.text, context.instances) or f"; there are: {registered}."
            raise context.error(f"There is no instance {words.text!r}{hint}", words.place)
        return AnyOf("instance_ids", ids)


@dataclass(frozen=True)
class CodecKind:
    """Video codecs, by their names in the files or by others that are common."""

    wants: str = "a video codec such as h264, hevc or av1; none; any"
    separates: bool = True

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        words = _only_words(context, name, value, self.wants)
        text = words.text.casefold().strip()
        if text in ("none", "any") and not words.quoted:
            return Exists("video_codecs") if text == "any" else Not(Exists("video_codecs"))
        if not text or words.prefix or "\0" in text or not text.isprintable():
            raise context.error(f"{name}: takes {self.wants}.", words.place)
        return AnyOf("video_codecs", (_CODECS.get(text.replace(".", ""), text),))


_CODECS: Final = {"h265": "hevc", "x265": "hevc", "avc": "h264", "x264": "h264", "xvid": "mpeg4", "divx": "mpeg4"}


@dataclass(frozen=True)
class IdentifierKind:
    """Ids of records in the catalog."""

    wants: str = "the id of a record in the catalog, a UUID"
    separates: bool = True

    def condition(self, context: Context, name: str, value: SingleValue, exact: bool) -> Condition:
        """As the protocol says."""
        words = _only_words(context, name, value, self.wants)
        try:
            return AnyOf("id", (UUID(words.text),))
        except ValueError:
            raise context.error(f"{name}: takes {self.wants}.", words.place) from None


def _choices(field: str, names: Mapping[str, str]) -> ChoiceKind:
    """Of texts, by the names that a person may write for each; the first of each is shown."""
    shown: dict[str, str] = {}
    for name, value in names.items():
        shown.setdefault(value, name)
    return ChoiceKind({fold(name): AnyOf(field, (value,)) for name, value in names.items()}, tuple(shown.values()))


def _flag(yes: Condition, no: Condition) -> ChoiceKind:
    spoken = {"yes": yes, "true": yes, "y": yes, "1": yes, "no": no, "false": no, "n": no, "0": no}
    return ChoiceKind(spoken, ("yes", "no"))


def _flag_of(field: str) -> ChoiceKind:
    return _flag(AnyOf(field, (True,)), AnyOf(field, (False,)))


_KINDS: Final = {
    **{entity.removeprefix("scene_").removesuffix("s"): entity for entity in ENTITIES if entity != "galleries"},
    "gallery": "galleries",
    **{entity: entity for entity in ENTITIES},
    "markers": "scene_markers",
}
_GENDERS: Final = {
    "female": "FEMALE", "male": "MALE", "transgender female": "TRANSGENDER_FEMALE",
    "transgender male": "TRANSGENDER_MALE", "intersex": "INTERSEX", "non-binary": "NON_BINARY",
    "f": "FEMALE", "m": "MALE", "trans female": "TRANSGENDER_FEMALE", "trans male": "TRANSGENDER_MALE",
    "nonbinary": "NON_BINARY",
}  # fmt: skip
_BOX: Final = {"linked": "linked", "candidate": "candidate", "none": "none"}

_NUMBER: Final = "a whole number, or a range or comparison such as 3..5 or >=3; none; any"
_DATE: Final = "a year, month or day such as 2021, 2021-05 or 2021-05-03, or 7d (h, d, w, mo, y ago); none; any"
_CLASSES: Final = ", ".join(name for name, _ in RESOLUTIONS)

FIELDS: Final[Mapping[str, Kind]] = {
    "kind": _choices("entity", _KINDS),
    "instance": InstanceKind(),
    "studio": NamesKind("studios", "studio_ids", "studio_id"),
    "performer": NamesKind("performers", "performer_ids"),
    "tag": NamesKind("tags", "all_tag_ids", "tag_ids"),
    "group": NamesKind("groups", "group_ids"),
    "gender": _choices("genders", _GENDERS),
    "date": NumberKind("date", values.day, _DATE),
    "year": NumberKind("date", values.year, "a year, or a range or comparison such as 2019..2021; none; any"),
    "duration": NumberKind("duration", values.length, "a length of time such as 90s, 20m, 1h30m or 1:30; none; any"),
    "resolution": NumberKind("height", values.resolution, f"{_CLASSES} or a height in pixels; none; any"),
    "rating": NumberKind("rating", values.number, f"0 to 100: {_NUMBER}"),
    "organized": _flag_of("organized"),
    "favorite": _flag_of("favorite"),
    "played": _flag(Between("plays", 1, None), Between("plays", None, 0)),
    "plays": NumberKind("plays", values.number, _NUMBER),
    "ocount": NumberKind("o_count", values.number, _NUMBER),
    "markers": _flag_of("has_markers"),
    "codec": CodecKind(),
    "size": NumberKind("size", values.size, "a size such as 700mb or 1.5gb; none; any"),
    "box": _choices("stash_box", _BOX),
    "title": TextKind("title"),
    "alias": TextKind("aliases"),
    "code": TextKind("code"),
    "details": TextKind("details"),
    "file": TextKind("files"),
    "host": TextKind("hosts"),
    "created": NumberKind("created_at", values.moment, _DATE),
    "updated": NumberKind("updated_at", values.moment, _DATE),
    "id": IdentifierKind(),
}
"""By name."""
