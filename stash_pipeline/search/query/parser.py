"""Parses queries by ``grammar.lark``. Every text becomes a tree or a :class:`QueryError`."""

import re
from functools import cache
from importlib.resources import files
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedInput, UnexpectedToken, v_args

from stash_pipeline.search.query.errors import QueryError
from stash_pipeline.search.query.tree import (
    Alternatives,
    Chosen,
    Compared,
    Filter,
    Moment,
    Moments,
    Negated,
    Part,
    Place,
    Ranged,
    SingleValue,
    Together,
    Value,
    Words,
)

LONGEST_QUERY: Final = 2_000
DEEPEST_QUERY: Final = 20
"""Levels of nested parentheses."""

_QUOTATIONS: Final = {'"': '"', "“": "”", "„": "“"}
_COMPARISON: Final = re.compile(r"([<>]=?)(.*)", re.DOTALL)


def parse(query: str) -> Part:
    """Parses a query. An empty one is a :class:`Together` without parts, which everything matches.

    Raises:
        QueryError: if it breaks the grammar, is too long or too deep.
    """
    if len(query) > LONGEST_QUERY:
        sentence = f"The query has {len(query):,} characters; {LONGEST_QUERY:,} are the most."
        raise QueryError(sentence, query, LONGEST_QUERY, LONGEST_QUERY + 1)
    opened = _open_parentheses(query)
    try:
        # one tree for every query: the transformer is called while it is parsed
        tree: Any = _grammar().parse(query)
    except UnexpectedInput as error:
        raise _explained(error, query, opened) from None
    part: Part = tree
    return part


@cache
def _grammar() -> Lark:
    grammar = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=_TreeBuilder())


# --- errors -------------------------------------------------------------------------------------------------


def _open_parentheses(query: str) -> list[int]:
    """The places of the parentheses that are not closed; a quotation is skipped.

    Raises:
        QueryError: if they are nested too deeply.
    """
    opened: list[int] = []
    place = 0
    while place < len(query):
        sign = query[place]
        if sign in _QUOTATIONS:
            end = query.find(_QUOTATIONS[sign], place + 1)
            if end < 0:
                break
            place = end
        elif sign == "(":
            opened.append(place)
            if len(opened) > DEEPEST_QUERY:
                sentence = f"Parentheses are nested more than {DEEPEST_QUERY} deep; nest fewer."
                raise QueryError(sentence, query, place, place + 1)
        elif sign == ")" and opened:
            opened.pop()
        place += 1
    return opened


def _explained(error: UnexpectedInput, query: str, opened: list[int]) -> QueryError:
    """The error in words. It is decided by what could have followed instead."""
    start = error.pos_in_stream or 0
    if isinstance(error, UnexpectedCharacters):
        sign = query[start]
        if sign in _QUOTATIONS:
            sentence = "A quotation mark is not closed; add the second one, or remove this one."
            return QueryError(sentence, query, start, len(query))
        sentence = f"{sign!r} has no meaning here; put it in quotation marks to search for it."
        return QueryError(sentence, query, start, start + 1)
    expected = error.accepts or error.expected if isinstance(error, UnexpectedToken) else set()
    token = error.token if isinstance(error, UnexpectedToken) else None
    at_end = token is None or token.type == "$END"
    start = len(query) if at_end else start
    if {"VALUE", "NAME"} & set(expected):
        before = query[:start].rstrip()
        name = re.search(r"[A-Za-z_]+:[=<>(\s-]*\Z", before)
        what = f"{name[0].partition(':')[0]}:" if name else ""
        if not what:
            return QueryError("A value should follow here.", query, start, start + 1)
        if not at_end:
            sentence = f"{what} needs a value; put it in quotation marks if it has signs such as this one."
            return QueryError(sentence, query, start, start + 1)
        place = name.start() if name else start
        return QueryError(f"{what} needs a value after the colon.", query, place, start)
    if at_end:
        if opened:
            sentence = "A parenthesis is not closed; add the second one, or remove this one."
            return QueryError(sentence, query, opened[-1], opened[-1] + 1)
        return QueryError("The query ends where a word should follow.", query, start, start)
    if query[start] == ")":
        if "RPAR" not in expected and query[:start].rstrip().endswith("("):
            return QueryError("There is nothing in these parentheses.", query, start, start + 1)
        sentence = "This parenthesis was not opened; remove it, or put it in quotation marks."
        return QueryError(sentence, query, start, start + 1)
    shown = str(token or query[start])
    sentence = f"{shown!r} has no meaning here; put it in quotation marks to search for it."
    return QueryError(sentence, query, start, start + len(shown))


# --- the tree -----------------------------------------------------------------------------------------------


def _place(*tokens: Token) -> Place:
    return Place(tokens[0].start_pos or 0, tokens[-1].end_pos or 0)


def _words(token: Token) -> Words:
    """Words of a terminal, with or without quotation marks and asterisk."""
    text = str(token)
    if token.type == "PHRASE":
        prefix = text.endswith("*")
        return Words(text[1 : -2 if prefix else -1], True, prefix, _place(token))
    return _unquoted(text, _place(token))


def _unquoted(text: str, place: Place) -> Words:
    prefix = text.endswith("*") and len(text) > 1
    return Words(text.rstrip("*") if prefix else text, False, prefix, place)


def _range(text: str, place: Place) -> Ranged:
    low, _, high = text.partition("..")
    middle = place.start + len(low)
    return Ranged(
        text,
        Words(low, False, False, Place(place.start, middle)),
        Words(high, False, False, Place(middle + 2, place.end)),
        place,
    )


@v_args(inline=True)
class _TreeBuilder(Transformer[Token, Any]):
    def start(self, *parts: Part) -> Part:
        return parts[0] if parts else Together(())

    def alternatives(self, *parts: Part) -> Part:
        return Alternatives(parts)

    def together(self, *parts: Part) -> Part:
        return Together(parts)

    def negated(self, _minus: Token, part: Part) -> Part:
        return Negated(part)

    def grouped(self, part: Part) -> Part:
        return part

    def phrase(self, token: Token) -> Part:
        return _words(token)

    word = phrase

    def filtered(self, field: Token, value: tuple[Value, bool]) -> Part:
        return Filter(str(field)[:-1], value[0], value[1], _place(field))

    def moments(self, *parts: "Moment | Token") -> Part:
        gaps = tuple(_gap(part) for part in parts if isinstance(part, Token))
        return Moments(tuple(part for part in parts if isinstance(part, Moment)), gaps)

    def moment(self, field: Token, value: tuple[Value, bool]) -> Moment:
        return Moment(value[0], value[1], _place(field))

    def plain(self, *tokens: Token) -> tuple[Value, bool]:
        return _words(tokens[-1]), len(tokens) > 1

    def compared(self, sign: Token, token: Token) -> tuple[Value, bool]:
        return Compared(str(sign), _words(token)), False

    def ranged(self, token: Token) -> tuple[Value, bool]:
        return _range(str(token), _place(token)), False

    def chosen(self, *parts: Any) -> tuple[Value, bool]:
        choices = tuple(part for part in parts if not isinstance(part, Token))
        place = Place(choices[0][0].place.start, choices[-1][-1].place.end)
        return Chosen(choices, place), len(choices) < len(parts)

    def choice(self, *parts: SingleValue) -> tuple[SingleValue, ...]:
        return parts

    def all_of(self, *tokens: Token) -> SingleValue:
        place = _place(*tokens)
        if len(tokens) == 1 and tokens[0].type == "PHRASE":
            return _words(tokens[0])
        text = " ".join(str(token).strip('"“”„') for token in tokens)
        if compared := _COMPARISON.fullmatch(text):
            sign, value = compared.groups()
            return Compared(sign, _unquoted(value.strip(), Place(place.start + len(sign), place.end)))
        return _range(text, place) if len(tokens) == 1 and ".." in text else _unquoted(text, place)


def _gap(then: Token) -> Words | None:
    """The time after ``then<``."""
    text = str(then)[len("then") :]
    if not text:
        return None
    value = text.lstrip("<=")
    place = _place(then)
    return Words(value, False, False, Place(place.end - len(value), place.end))
