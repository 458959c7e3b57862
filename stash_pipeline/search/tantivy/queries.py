"""Makes a query of tantivy of a condition.

The score of a word does not depend on the other documents of the index, as it would with tantivy's own: a page can be
continued after any change. It is an integer: first how the word matches, then in which field. What the fields and
matches of several words make is added up.
"""

import re
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import tantivy
from tantivy import FieldType, Occur, Query

from stash_pipeline.search.documents import TEXT_WEIGHTS
from stash_pipeline.search.request import AllOf, AnyOf, Between, Condition, Exists, Not, OneOf, Value, Word
from stash_pipeline.search.tantivy.schema import KEYWORDS, LONGEST_SHAPE, NUMBERS, STATE_TERM, TEXTS
from stash_pipeline.search.vocabulary import EXACT, ONE_TYPO, PREFIX, PREFIX_TYPO, TWO_TYPOS, Vocabulary

_MATCH_SCORES: Final = {EXACT: 400, PREFIX: 300, ONE_TYPO: 200, TWO_TYPOS: 100, PREFIX_TYPO: 0}
_FIELD_SCORES: Final = {name: round(9 * weight) for name, weight in TEXT_WEIGHTS.items()}
_SHORT_TITLE: Final = (8, 6, 4, 2)
"""For titles with as many words as were typed, one more, …: less than the difference between two fields of names."""

_SOME_WORDS: Final = 32
"""Up to so many words are looked up one by one."""

_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


class QueryMaker:
    """Makes queries for one state of an index.

    Attributes:
        terms: the words of the index that matched, by token of the request.
    """

    def __init__(self, schema: tantivy.Schema, vocabulary: Vocabulary) -> None:
        self._schema = schema
        self._vocabulary = vocabulary
        self.terms: dict[str, tuple[str, ...]] = {}

    def make(self, condition: Condition, *, ranked: bool = True) -> Query:
        """The query for a condition; ``ranked`` ones also prefer short titles."""
        parts = [(Occur.Must, self._query(condition))]
        if ranked and (typed := _words_typed(condition)):
            parts += self._short_titles(typed)
        parts.append((Occur.MustNot, Query.term_query(self._schema, *STATE_TERM, index_option="basic")))
        return Query.boolean_query(parts)

    def _short_titles(self, typed: int) -> list[tuple[Occur, Query]]:
        return [
            (Occur.Should, Query.const_score_query(self._term("shape", str(typed + more)), float(score)))
            for more, score in enumerate(_SHORT_TITLE)
            if typed + more <= LONGEST_SHAPE
        ]

    def _term(self, field: str, value: object) -> Query:
        return Query.term_query(self._schema, field, value, index_option="basic")

    def _query(self, condition: Condition) -> Query:
        match condition:
            case Word():
                return self._word(condition)
            case AllOf(parts):
                return self._all_of(parts)
            case OneOf(parts):
                return _any([self._query(part) for part in parts])
            case Not():
                return self._all_of((condition,))
            case AnyOf():
                return _unscored(self._any_of(condition))
            case Between():
                return _unscored(self._between(condition.field, condition.low, condition.high))
            case Exists():
                return _unscored(self._exists(condition.field))

    def _all_of(self, parts: tuple[Condition, ...]) -> Query:
        clauses: list[tuple[Occur, Query]] = []
        for part in parts:
            if isinstance(part, Not):
                clauses.append((Occur.MustNot, self._query(part.part)))
            else:
                clauses.append((Occur.Must, self._query(part)))
        if not any(occur == Occur.Must for occur, _ in clauses):
            clauses.append((Occur.Must, _unscored(Query.all_query())))
        return Query.boolean_query(clauses)

    # --- filters ----------------------------------------------------------------------------------------------

    def _any_of(self, condition: AnyOf) -> Query:
        name = condition.field
        if name in KEYWORDS:
            values = [value for one in condition.values if (value := _keyword(one)) is not None]
            if len(values) > _SOME_WORDS:
                return Query.term_set_query(self._schema, name, values)
            return _any([self._term(name, value) for value in values])
        if name in NUMBERS:
            numbers = [int(one) for one in condition.values if isinstance(one, int)]
            return _any([self._between(name, one, one) for one in numbers])
        raise ValueError(f"The field {name!r} of documents cannot be compared with values.")

    def _between(self, name: str, low: int | None, high: int | None) -> Query:
        if name not in NUMBERS:
            raise ValueError(f"The field {name!r} of documents is no number.")
        if low is None and high is None:
            return Query.exists_query(name)
        # a bound beyond the numbers of the index is an open one, or nothing is there
        if (low is not None and low > _LARGEST) or (high is not None and high < _SMALLEST):
            return Query.empty_query()
        low = None if low is None else max(low, _SMALLEST)
        high = None if high is None else min(high, _LARGEST)
        if low is not None and high is not None and low > high:
            return Query.empty_query()
        return Query.range_query(self._schema, name, FieldType.Integer, low, high)

    def _exists(self, name: str) -> Query:
        if name in TEXTS or name in KEYWORDS:
            return self._term("present", name)
        if name in NUMBERS:
            return Query.exists_query(name)
        raise ValueError(f"Documents have no field {name!r}.")

    # --- words ------------------------------------------------------------------------------------------------

    def _word(self, word: Word) -> Query:
        if word.field is not None and word.field not in TEXTS:
            raise ValueError(f"The field {word.field!r} of documents is no text.")
        if not word.tokens or not all(map(_is_text, word.tokens)):
            return Query.empty_query()
        fields = TEXTS if word.field is None else (word.field,)
        if len(word.tokens) > 1:
            return self._phrase(word, fields)
        token = word.tokens[0]
        if word.match == "exact":
            found = {token: EXACT} if token in self._vocabulary.fields else {}
        elif word.match == "prefix":
            found = dict.fromkeys(self._vocabulary.continued(token), PREFIX)
            if token in self._vocabulary.fields:
                found[token] = EXACT
        else:
            found = self._vocabulary.meant(token)
        self._note(token, found)
        by_match: dict[int, list[str]] = {}
        for other, match in found.items():
            by_match.setdefault(match, []).append(other)
        return _best(
            Query.const_score_query(self._words_in(field, words, token, match), float(_score(field, match)))
            for match, words in by_match.items()
            for field in fields
            if self._are_in(field, words)
        )

    def _note(self, token: str, found: Iterable[str]) -> None:
        self.terms[token] = tuple(dict.fromkeys((*self.terms.get(token, ()), *found)))

    def _are_in(self, field: str, words: list[str]) -> bool:
        bit = 1 << TEXTS.index(field)
        return any(self._vocabulary.fields[word] & bit for word in words)

    def _words_in(self, field: str, words: list[str], token: str, match: int) -> Query:
        bit = 1 << TEXTS.index(field)
        there = [word for word in words if self._vocabulary.fields[word] & bit]
        if len(there) <= _SOME_WORDS:
            return _any([self._term(field, word) for word in there])
        if match == PREFIX:
            return Query.regex_query(self._schema, field, f"{_escaped(token)}.+")
        return Query.term_set_query(self._schema, field, there)

    def _phrase(self, word: Word, fields: tuple[str, ...]) -> Query:
        *before, last = word.tokens
        phrases: list[Query] = []
        known = [self._vocabulary.fields.get(token, 0) for token in before]
        continued = [] if word.match == "exact" else self._vocabulary.continued(last)
        for token in before:
            self._note(token, [token] if token in self._vocabulary.fields else [])
        self._note(last, [last, *continued] if last in self._vocabulary.fields else continued)
        for field in fields:
            bit = 1 << TEXTS.index(field)
            if not all(mask & bit for mask in known):
                continue
            if self._vocabulary.fields.get(last, 0) & bit:
                phrases.append(self._scored_phrase(field, [*before, last], EXACT))
            there = [other for other in continued if self._vocabulary.fields[other] & bit]
            if len(there) > _SOME_WORDS:
                phrases.append(self._scored_beginning(field, before, last))
            else:
                phrases += [self._scored_phrase(field, [*before, other], PREFIX) for other in there]
        return _best(phrases)

    def _scored_phrase(self, field: str, words: list[str], match: int) -> Query:
        score = _score(field, match) * len(words)
        return Query.const_score_query(Query.phrase_query(self._schema, field, list(words)), float(score))

    def _scored_beginning(self, field: str, before: list[str], last: str) -> Query:
        patterns = [*map(_escaped, before), f"{_escaped(last)}.+"]
        score = _score(field, PREFIX) * len(patterns)
        return Query.const_score_query(Query.regex_phrase_query(self._schema, field, list(patterns)), float(score))


def _score(field: str, match: int) -> int:
    return _MATCH_SCORES[match] + _FIELD_SCORES[field]


def _words_typed(condition: Condition) -> int:
    """How many words a document must have, whatever else."""
    match condition:
        case Word(tokens, _, field):
            return len(tokens) if field in (None, "title") else 0
        case AllOf(parts):
            return sum(_words_typed(part) for part in parts)
        case _:
            return 0


def _any(queries: list[Query]) -> Query:
    if not queries:
        return Query.empty_query()
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _best(queries: Iterable[Query]) -> Query:
    made = list(queries)
    if not made:
        return Query.empty_query()
    return made[0] if len(made) == 1 else Query.disjunction_max_query(made)


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)


def _keyword(value: Value) -> str | None:
    text = value.hex if isinstance(value, UUID) else str(value)
    return text if _is_text(text) else None


def _is_text(text: str) -> bool:
    """Whether it can be in the index: no half of a character is."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(text: str) -> str:
    return re.sub(r"([^\w])", r"\\\1", text)
