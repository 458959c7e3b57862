"""Makes a condition for back ends of a parsed query: names become ids, values become intervals."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from stash_pipeline.search.folding import fold, has_words, query_tokens
from stash_pipeline.search.query import values
from stash_pipeline.search.query.compiled import Compiled, Context, Sequence, Slot
from stash_pipeline.search.query.errors import did_you_mean
from stash_pipeline.search.query.fields import FIELDS, Kind, typed_word
from stash_pipeline.search.query.parser import parse
from stash_pipeline.search.query.tree import (
    Alternatives,
    Chosen,
    Filter,
    Moment,
    Moments,
    Negated,
    Part,
    Place,
    SingleValue,
    Together,
    Value,
    Words,
)
from stash_pipeline.search.request import SORT_KEYS, AllOf, AnyOf, Condition, Not, OneOf, Sort, Word

MOST_CONDITIONS: Final = 100
"""Of one query."""

SORT: Final = "sort"
MARKER: Final = "marker"
KNOWN: Final = (*FIELDS, MARKER, SORT)
"""All names that may stand before a colon."""


def compile_query(context: Context) -> Compiled:
    """Compiles the query of a context.

    Raises:
        QueryError: if it is not understood.
    """
    tree = parse(context.query)
    builder = _Builder(context)
    sort, rest = builder.sorts(tree)
    condition = builder.condition(rest)
    if condition is None:
        # signs alone: they can be a name
        tokens = () if sort else tuple(query_tokens(context.query))
        condition = Word(tokens, "exact") if tokens else AllOf(())
    return Compiled(
        condition, sort or (Sort(),), tuple(context.unknown), tuple(builder.sequences), tuple(builder.typed)
    )


class _Builder:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.sequences: list[Sequence] = []
        self.typed: list[Words] = []
        self._conditions = 0
        self._negated = False

    # --- parts ----------------------------------------------------------------------------------------------

    def condition(self, part: Part) -> Condition | None:
        """The condition of a part; None if it means nothing."""
        if isinstance(part, Together):
            conditions = self._all(part.parts)
            return (
                None if not conditions else conditions[0] if len(conditions) == 1 else AllOf(tuple(_flat(conditions)))
            )
        if isinstance(part, Alternatives):
            return one_of(self._all(part.parts))
        if isinstance(part, Negated):
            return self._negation(part)
        if isinstance(part, Words):
            return self._words(part)
        if isinstance(part, Moments):
            return self._moments(part)
        return self._filter(part)

    def _all(self, parts: Iterable[Part]) -> list[Condition]:
        return [condition for part in parts if (condition := self.condition(part)) is not None]

    def _negation(self, part: Negated) -> Condition | None:
        before, self._negated = self._negated, True
        condition = self.condition(part.part)
        self._negated = before
        return None if condition is None else Not(condition)

    def _words(self, words: Words) -> Condition | None:
        self._count(words.place)
        if not words.quoted and not has_words(words.text):
            return None
        if not self._negated:
            self.typed.append(words)
        # a negated word excludes what was written, not what resembles it
        if words.quoted or self._negated:
            return typed_word(words, "exact", None)
        several = len(query_tokens(words.text)) > 1
        return typed_word(words, "prefix" if several else "typos", None)

    def _count(self, place: Place) -> None:
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise self.context.error(
                f"The query has more than {MOST_CONDITIONS} words and filters; write fewer.", place
            )

    # --- fields ---------------------------------------------------------------------------------------------

    def _filter(self, part: Filter) -> Condition:
        name = part.field.casefold()
        if name == SORT:
            raise self.context.error(
                "sort: stands beside the other parts, not in parentheses or after a minus.", part.place
            )
        kind = FIELDS.get(name)
        if kind is None:
            hint = did_you_mean(name, KNOWN) or "; put the text in quotation marks to search for it."
            raise self.context.error(f"There is no field {part.field!r}{hint}", part.place)
        return self._value(name, kind, part.value, part.exact)

    def _value(self, name: str, kind: Kind, value: Value, exact: bool) -> Condition:
        if isinstance(value, Words) and not value.quoted and kind.separates:
            value = _separated(value)
        if isinstance(value, Chosen):
            choices = []
            for choice in value.choices:
                parts = [self._single(name, kind, single, exact) for single in choice]
                choices.append(parts[0] if len(parts) == 1 else AllOf(tuple(parts)))
            return one_of(choices) or OneOf(())
        return self._single(name, kind, value, exact)

    def _single(self, name: str, kind: Kind, value: SingleValue, exact: bool) -> Condition:
        self._count(value.place)
        return kind.condition(self.context, name, value, exact)

    # --- markers --------------------------------------------------------------------------------------------

    def _moments(self, part: Moments) -> Condition:
        place = part.moments[0].place
        if self.context.scenes is None:
            raise self.context.error("marker: needs the database, which this search was opened without.", place)
        gaps = (None, *(self._gap(gap) for gap in part.gaps))
        sequence = tuple(self._slot(moment, gap) for moment, gap in zip(part.moments, gaps, strict=True))
        known = all(any(all(tags for tags in choice) for choice in slot.choices) for slot in sequence)
        if known and not self._negated:
            self.sequences.append(sequence)
        if len(sequence) == 1:
            return self._moment(sequence[0])
        return AnyOf("id", self.context.scenes(sequence) if known else ())

    def _moment(self, slot: Slot) -> Condition:
        """A marker alone. The index knows the tags of all markers of a scene; several tags must lie on one of them."""
        assert self.context.scenes is not None
        tags = dict.fromkeys(tag for choice in slot.choices if len(choice) == 1 for tag in choice[0])
        by_tag = AnyOf("own_marker_tag_ids" if slot.own else "marker_tag_ids", tuple(tags))
        together = tuple(choice for choice in slot.choices if len(choice) > 1 and all(choice))
        if not together:
            return by_tag
        by_id = AnyOf("id", self.context.scenes((replace(slot, choices=together),)))
        return OneOf((by_tag, by_id)) if tags else by_id

    def _slot(self, moment: Moment, gap: int | None) -> Slot:
        value: Value = moment.value
        if isinstance(value, Words) and not value.quoted:
            value = _separated(value)
        choices = value.choices if isinstance(value, Chosen) else ((value,),)
        tags = []
        for choice in choices:
            sets = []
            for name in choice:
                self._count(name.place)
                if not isinstance(name, Words) or not fold(name.text):
                    raise self.context.error("marker: takes names of tags.", name.place)
                sets.append(
                    self.context.ids(MARKER, "tags", name.text, name.place, prefix=name.prefix, exact=moment.exact)
                )
            tags.append(tuple(sets))
        return Slot(tuple(tags), moment.exact, gap)

    def _gap(self, gap: Words | None) -> int | None:
        if gap is None:
            return None
        interval = values.length(gap.text, self.context.now)
        if interval is None:
            raise self.context.error("The time after then< is a length such as 30s or 2m.", gap.place)
        return interval.low

    # --- the order ------------------------------------------------------------------------------------------

    def sorts(self, tree: Part) -> tuple[tuple[Sort, ...], Part]:
        """The keys of the filters ``sort`` beside the other parts, and the tree without them."""
        parts = tree.parts if isinstance(tree, Together) else (tree,)
        filters = [part for part in parts if isinstance(part, Filter) and part.field.casefold() == SORT]
        if not filters:
            return (), tree
        keys = [key for part in filters for key in self._keys(part)]
        first_of_each = {sort.key: sort for sort in reversed(keys)}
        if "relevance" in first_of_each and len(first_of_each) > 1:
            raise self.context.error("sort:relevance stands alone; leave it out, or the other keys.", filters[-1].place)
        sorts = tuple(first_of_each[key] for key in dict.fromkeys(sort.key for sort in keys))
        return sorts, Together(tuple(part for part in parts if part not in filters))

    def _keys(self, part: Filter) -> list[Sort]:
        value: Value = part.value
        if isinstance(value, Words) and not value.quoted:
            value = _separated(value)
        names = [name for choice in value.choices for name in choice] if isinstance(value, Chosen) else [value]
        return [self._key(name) for name in names]

    def _key(self, value: SingleValue) -> Sort:
        text = value.text.strip().casefold() if isinstance(value, Words) else ""
        key = text.lstrip("-+")
        if key not in SORT_KEYS:
            hint = did_you_mean(key, SORT_KEYS) or "."
            keys = ", ".join(SORT_KEYS[:-1]) + f" or {SORT_KEYS[-1]}"
            raise self.context.error(f"sort: takes {keys}, with a minus for the largest first{hint}", value.place)
        return Sort(key, descending=key == "relevance" or text.startswith("-"))


def _separated(words: Words) -> Value:
    """The values of a text with commas; a comma at its ends means nothing."""
    parts: list[SingleValue] = []
    start = words.place.start
    pieces = words.text.split(",")
    for number, piece in enumerate(pieces):
        place = Place(start, start + len(piece))
        start = place.end + 1
        if piece:
            last = number == len(pieces) - 1
            prefix = words.prefix if last else piece.endswith("*")
            parts.append(replace(words, text=piece.rstrip("*") if prefix else piece, prefix=prefix, place=place))
    if len(pieces) == 1 or not parts:
        return words
    return Chosen(tuple((part,) for part in parts), words.place)


def one_of(conditions: list[Condition]) -> Condition | None:
    """The condition that one of the conditions holds; values of the same field are put together."""
    merged: list[Condition] = []
    places: dict[str, int] = {}
    for condition in conditions:
        if isinstance(condition, AnyOf) and condition.field in places:
            place = places[condition.field]
            before = merged[place]
            assert isinstance(before, AnyOf)
            merged[place] = AnyOf(before.field, tuple(dict.fromkeys((*before.values, *condition.values))))
        else:
            if isinstance(condition, AnyOf):
                places[condition.field] = len(merged)
            merged.append(condition)
    if not merged:
        return None
    return merged[0] if len(merged) == 1 else OneOf(tuple(merged))


def _flat(conditions: list[Condition]) -> list[Condition]:
    """The conditions, with the parts of each :class:`AllOf` in its place."""
    return [
        condition
        for part in conditions
        for condition in (part.parts if isinstance(part, AllOf) and part.parts else (part,))
    ]
