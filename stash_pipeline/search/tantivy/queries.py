"""Makes a query of tantivy of a condition.

The score of a word does not depend on the other documents of the index, as it would with tantivy's own: a page can be
continued after any change. It is an integer: first how the word matches, then in which field. What the fields and
matches of several words make is added up.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

import tantivy
from tantivy import FieldType, Occur, Query

from stash_pipeline.search.documents import TEXT_WEIGHTS
from stash_pipeline.search.request import AllOf, AnyOf, Between, Condition, Exists, Not, OneOf, Value, Word
from stash_pipeline.search.tantivy.schema import (
    ANY_TEXT,
    KEYWORDS,
    LONGEST_SHAPE,
    NUMBERS,
    SELDOM_DIFFERENT,
    STATE_TERM,
    TEXTS,
)
from stash_pipeline.search.vocabulary import EXACT, ONE_TYPO, PREFIX, PREFIX_TYPO, TWO_TYPOS, Vocabulary

_MATCH_SCORES: Final = {EXACT: 400, PREFIX: 300, ONE_TYPO: 200, TWO_TYPOS: 100, PREFIX_TYPO: 0}
_FIELD_SCORES: Final = {name: round(9 * weight) for name, weight in TEXT_WEIGHTS.items()}
_SHORT_TITLE: Final = (8, 6, 4, 2)
"""For titles with as many words as were typed, one more, …: less than the difference between two fields of names."""

_SOME_WORDS: Final = 32
"""Up to so many words are looked up one by one."""
_FEW_WORDS: Final = 4
"""The same, where no score is asked for."""

_Form = Literal["scored", "matching", "best"]
"""With scores; without; without, and only the documents in which words match in their best way."""

_SMALLEST, _LARGEST = -(1 << 63), (1 << 63) - 1


@dataclass(frozen=True)
class _Rank:
    """The documents in which a word matches in one way: all with the same score."""

    score: int
    queries: tuple[Query, ...]


@dataclass(frozen=True)
class Tier:
    """Documents that have one score."""

    score: float
    query: Query


@dataclass(frozen=True)
class Tiers:
    """The best documents of a ranking, best first. Every other one has a lower score than the last tier.

    Attributes:
        all_of_them: the documents of all tiers.
        is_whole: whether no other document matches.
    """

    tiers: tuple[Tier, ...]
    all_of_them: Query
    is_whole: bool


class QueryMaker:
    """Makes queries for one state of an index.

    Attributes:
        terms: the words of the index that matched, by token of the request.
    """

    def __init__(self, schema: tantivy.Schema, vocabulary: Vocabulary) -> None:
        self._schema = schema
        self._vocabulary = vocabulary
        self._ranks: dict[Word, list[_Rank]] = {}
        self._expansions: dict[Word, dict[str, int]] = {}
        self._filters: dict[int, tuple[AnyOf, Query]] = {}
        self.terms: dict[str, tuple[str, ...]] = {}

    def scored(self, condition: Condition) -> Query:
        """The query that finds what a condition matches, with its relevance; prefers short titles."""
        words = _words_needed(condition)
        if words is None:
            matching = self._query(condition, "scored")
            scores = []
        else:
            # what matches is found without scores, which are then made of few documents
            matching = Query.const_score_query(self._query(condition, "matching"), 0.0)
            scores = [(Occur.Should, self._word(word, "scored")) for word in words]
        if typed := _words_typed(condition):
            scores += self._short_titles(typed)
        return Query.boolean_query([(Occur.Must, matching), *scores]) if scores else matching

    def matching(self, condition: Condition) -> Query:
        """The query that finds the same in any order, which costs much less."""
        return self._query(condition, "matching")

    def tiers(self, condition: Condition) -> Tiers | None:
        """The documents in which every word matches in the best way that it does in any.

        A page of a search for a common word is made of them, so nothing else has to be ranked. None if the score is not
        that of words which a document must have.
        """
        words = _words_needed(condition)
        if words is None:
            return None
        ranks = [self._ranks_of(word) for word in words]
        best = self._query(condition, "best")
        if not all(ranks):
            return Tiers((), Query.empty_query(), is_whole=True)
        highest = sum(of_word[0].score for of_word in ranks)
        # the score of every other document is lower by at least this much
        gap = min((of_word[0].score - of_word[1].score for of_word in ranks if len(of_word) > 1), default=None)
        typed = _words_typed(condition)
        shapes = self._shapes(typed) if typed else []
        most = max((bonus for bonus, _ in shapes), default=0)
        tiers = [
            Tier(float(highest + bonus), Query.boolean_query([(Occur.Must, best), (Occur.Must, shape)]))
            for bonus, shape in shapes
        ]
        plain = [(Occur.Must, best), *((Occur.MustNot, shape) for _, shape in shapes)]
        tiers.append(Tier(float(highest), Query.boolean_query(plain) if shapes else best))
        kept = [tier for tier in tiers if gap is None or tier.score > highest + most - gap]
        whole = best if len(kept) == len(tiers) else _any([tier.query for tier in kept])
        return Tiers(tuple(kept), whole, is_whole=gap is None)

    def _short_titles(self, typed: int) -> list[tuple[Occur, Query]]:
        return [(Occur.Should, Query.const_score_query(shape, float(bonus))) for bonus, shape in self._shapes(typed)]

    def _shapes(self, typed: int) -> list[tuple[int, Query]]:
        """What short titles add to the score, the shortest first."""
        return [
            (bonus, self._term("shape", str(typed + more)))
            for more, bonus in enumerate(_SHORT_TITLE)
            if typed + more <= LONGEST_SHAPE
        ]

    def _term(self, field: str, value: object) -> Query:
        return Query.term_query(self._schema, field, value, index_option="basic")

    def _query(self, condition: Condition, form: _Form) -> Query:
        match condition:
            case Word():
                return self._word(condition, form)
            case AllOf(parts):
                return self._all_of(parts, form)
            case OneOf(parts):
                return _any([self._query(part, form) for part in parts])
            case Not():
                return self._all_of((condition,), form)
            case AnyOf():
                # there may be thousands of values, and a search makes several queries
                if id(condition) not in self._filters:
                    self._filters[id(condition)] = condition, self._any_of(condition)
                query = self._filters[id(condition)][1]
            case Between():
                query = self._between(condition.field, condition.low, condition.high)
            case Exists():
                query = self._exists(condition.field)
        return Query.const_score_query(query, 0.0) if form == "scored" else query

    def _all_of(self, parts: tuple[Condition, ...], form: _Form) -> Query:
        clauses: list[tuple[Occur, Query]] = []
        for part in parts:
            if isinstance(part, Not):
                clauses.append((Occur.MustNot, self._query(part.part, "matching")))
            else:
                clauses.append((Occur.Must, self._query(part, form)))
        if not any(occur == Occur.Must for occur, _ in clauses):
            everything = Query.all_query()
            clauses.append((Occur.Must, Query.const_score_query(everything, 0.0) if form == "scored" else everything))
            # the only document that other conditions cannot match
            clauses.append((Occur.MustNot, self._term(*STATE_TERM)))
        if len(clauses) == 1:
            return clauses[0][1]
        return Query.boolean_query(clauses)

    # --- filters ----------------------------------------------------------------------------------------------

    def _any_of(self, condition: AnyOf) -> Query:
        name = condition.field
        if name in KEYWORDS:
            values = [keyword for value in condition.values if (keyword := _keyword(value)) is not None]
            if len(values) > _SOME_WORDS:
                return Query.term_set_query(self._schema, name, values)
            return _any([self._term(name, value) for value in values])
        if name in NUMBERS:
            numbers = [int(value) for value in condition.values if isinstance(value, int)]
            if name in SELDOM_DIFFERENT:
                return _any([self._term(name, number) for number in numbers if _SMALLEST <= number <= _LARGEST])
            return _any([self._between(name, number, number) for number in numbers])
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

    def _word(self, word: Word, form: _Form) -> Query:
        ranks = self._ranks_of(word)
        if form == "scored":
            return _best(Query.const_score_query(_any(rank.queries), float(rank.score)) for rank in ranks)
        if form == "matching" and word.field is None and len(word.tokens) == 1:
            return self._in_any_text([*self._expansion(word)])
        return _any([query for rank in (ranks[:1] if form == "best" else ranks) for query in rank.queries])

    def _in_any_text(self, words: list[str]) -> Query:
        if len(words) > _FEW_WORDS:
            return Query.term_set_query(self._schema, ANY_TEXT, words)
        return _any([self._term(ANY_TEXT, word) for word in words])

    def _ranks_of(self, word: Word) -> list[_Rank]:
        """How a word matches, best first."""
        if word not in self._ranks:
            by_score: dict[int, list[Query]] = {}
            for score, query in self._matches(word):
                by_score.setdefault(score, []).append(query)
            self._ranks[word] = [_Rank(score, tuple(by_score[score])) for score in sorted(by_score, reverse=True)]
        return self._ranks[word]

    def _matches(self, word: Word) -> Iterator[tuple[int, Query]]:
        if word.field is not None and word.field not in TEXTS:
            raise ValueError(f"The field {word.field!r} of documents is no text.")
        if not word.tokens or not all(map(_is_text, word.tokens)):
            return
        fields = TEXTS if word.field is None else (word.field,)
        if len(word.tokens) > 1:
            yield from self._phrases(word, fields)
            return
        token = word.tokens[0]
        expansion = self._expansion(word)
        self._note(token, expansion)
        by_match: dict[int, list[str]] = {}
        for other, match in expansion.items():
            by_match.setdefault(match, []).append(other)
        for match, words in by_match.items():
            for field in fields:
                for query in self._words_in(field, words, token, match):
                    yield _score(field, match), query

    def _expansion(self, word: Word) -> dict[str, int]:
        """The words of the index that a word of the request means, and how they match."""
        if word not in self._expansions:
            token = word.tokens[0]
            if not _is_text(token):
                expansion: dict[str, int] = {}
            elif word.match == "exact":
                expansion = {token: EXACT} if token in self._vocabulary.fields else {}
            elif word.match == "prefix":
                expansion = dict.fromkeys(self._vocabulary.continued(token), PREFIX)
                if token in self._vocabulary.fields:
                    expansion[token] = EXACT
            else:
                expansion = self._vocabulary.matches(token)
            self._expansions[word] = expansion
        return self._expansions[word]

    def _note(self, token: str, words: Iterable[str]) -> None:
        self.terms[token] = tuple(dict.fromkeys((*self.terms.get(token, ()), *words)))

    def _words_in(self, field: str, words: list[str], token: str, match: int) -> list[Query]:
        bit = 1 << TEXTS.index(field)
        there = [word for word in words if self._vocabulary.fields[word] & bit]
        if len(there) <= _SOME_WORDS:
            return [self._term(field, word) for word in there]
        if match == PREFIX:
            return [Query.regex_query(self._schema, field, f"{_escaped(token)}.+")]
        return [Query.term_set_query(self._schema, field, there)]

    def _phrases(self, word: Word, fields: tuple[str, ...]) -> Iterator[tuple[int, Query]]:
        *before, last = word.tokens
        known = [self._vocabulary.fields.get(token, 0) for token in before]
        continued = [] if word.match == "exact" else self._vocabulary.continued(last)
        for token in before:
            self._note(token, [token] if token in self._vocabulary.fields else [])
        self._note(last, [last, *continued] if last in self._vocabulary.fields else continued)
        for field in fields:
            bit = 1 << TEXTS.index(field)
            if not all(mask & bit for mask in known):
                continue
            exact, begun = (_score(field, match) * len(word.tokens) for match in (EXACT, PREFIX))
            if self._vocabulary.fields.get(last, 0) & bit:
                yield exact, Query.phrase_query(self._schema, field, [*before, last])
            there = [other for other in continued if self._vocabulary.fields[other] & bit]
            if len(there) > _SOME_WORDS:
                patterns = [*map(_escaped, before), f"{_escaped(last)}.+"]
                yield begun, Query.regex_phrase_query(self._schema, field, list(patterns))
            else:
                for other in there:
                    yield begun, Query.phrase_query(self._schema, field, [*before, other])


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


def _words_needed(condition: Condition) -> list[Word] | None:
    """The words that every document must have; None if others count for the relevance, too."""
    match condition:
        case Word():
            return [condition]
        case AllOf(parts):
            needed: list[Word] = []
            for part in parts:
                words = _words_needed(part)
                if words is None:
                    return None
                needed += words
            return needed
        case OneOf(parts):
            return [] if all(_words_needed(part) == [] for part in parts) else None
        case _:
            return []


def _any(queries: Sequence[Query]) -> Query:
    if not queries:
        return Query.empty_query()
    if len(queries) == 1:
        return queries[0]
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _best(queries: Iterable[Query]) -> Query:
    alternatives = list(queries)
    if not alternatives:
        return Query.empty_query()
    return alternatives[0] if len(alternatives) == 1 else Query.disjunction_max_query(alternatives)


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
