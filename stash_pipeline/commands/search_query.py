"""Carries out ``stash-pipeline search``: a table for people, JSON or CSV for programs."""

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from stash_pipeline.commands.csv_output import STANDARD_OUTPUT, write_csv
from stash_pipeline.commands.output import console, print_json, stderr, table
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings

if TYPE_CHECKING:
    from stash_pipeline.search import Answer, AnswerHit, Highlight

_MATCH: Final = "bold yellow"
_FILTER: Final = re.compile(r"(-?[A-Za-z_]+:=?)(.+)", re.DOTALL)
_OPTION: Final = re.compile(r"--[A-Za-z][A-Za-z-]*(=|\Z)")
_SHOWN_NAMES: Final = 3
_CSV: Final = ("kind", "id", "title", "people", "studio", "date", "seconds", "instances", "score", "matched", "moments")


def search_query(
    words: list[str],
    *,
    limit: int,
    after: str | None,
    facets: list[str],
    csv_file: str | None = None,
    as_json: bool = False,
) -> None:
    """The command.

    Raises:
        UserError: if the query is not understood, there is no index, or the file cannot be written.
    """
    from stash_pipeline.search import open_search

    query = joined(words)
    with open_search(get_settings()) as search:
        answer = search.search(query, limit=limit, after=after, facets=facets)
    if as_json:
        print_json(_as_json(answer))
        return
    if csv_file is not None:
        write_csv(csv_file, _CSV, [_csv_row(hit) for hit in answer.hits])
        if csv_file != STANDARD_OUTPUT:
            _say(summary(answer))
    else:
        _print(answer)
    if answer.lag is not None:
        lacks = f", by {_counted(answer.lag.documents, 'document')}" if answer.lag.documents else ""
        _say(f"The index is behind the database{lacks}; the next sync brings it in step.")


def joined(words: list[str]) -> str:
    """The query of the arguments of a command line.

    One argument is the query. Of several, the shell has removed the quotation marks: one with blanks is a phrase.

    Raises:
        UserError: if one looks like an option.
    """
    for word in words:
        if _OPTION.match(word):
            raise UserError(
                f"There is no option {word.partition('=')[0]}; `stash-pipeline search query --help` lists all."
            )
    if len(words) == 1:
        return words[0]
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if not any(sign.isspace() for sign in word) or '"' in word or "(" in word:
        return word
    field = _FILTER.fullmatch(word)
    return f'{field[1]}"{field[2]}"' if field else f'"{word}"'


def _say(sentence: str) -> None:
    stderr.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


# --- a table for people -------------------------------------------------------------------------------------


def _print(answer: "Answer") -> None:
    with_moments = any(hit.moments for hit in answer.hits)
    columns = ["kind", "title", "people", "date", "where", "matched", *(["moments"] if with_moments else []), "length"]
    rows: list[list[Any]] = []
    for hit in answer.hits:
        document = hit.document
        where = ", ".join(hit.instances) or None
        row = [hit.kind, _title(hit), _few(document.people), document.date, where, _matched(hit)]
        if with_moments:
            row.append(_moments(hit) or None)
        rows.append([*row, None if document.duration is None else clock(document.duration)])
    if rows:
        table(None, columns, rows, numbers=1)
    for facet, counts in answer.facets.items():
        if counts:
            table(facet, [facet, "documents"], [[value.name, value.count] for value in counts], numbers=1)
    for unknown in answer.unknown_names:
        similar = f"; did you mean {' or '.join(unknown.similar)}?" if unknown.similar else "."
        _print_line(f"There is no {unknown.field if unknown.field != 'marker' else 'tag'} {unknown.name!r}{similar}")
    for suggestion in answer.suggestions:
        _print_line(f"Did you mean: {suggestion.query} ({_counted(suggestion.total, 'hit')})")
    _print_line(summary(answer))


def _print_line(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)


def summary(answer: "Answer") -> str:
    """The closing line."""
    hits = _counted(answer.total, "hit") if answer.total else "No hits"
    rest = f", {len(answer.hits):,} shown; the following page: --after {answer.next}" if answer.next else ""
    return f"{hits} in {1000 * answer.seconds:,.0f} ms{rest}."


def _title(hit: "AnswerHit") -> Text:
    title = next(
        (highlight for highlight in hit.highlights if highlight.field == "title" and highlight.text == hit.title), None
    )
    return Text(hit.title) if title is None else _marked(title)


def _matched(hit: "AnswerHit") -> Text | None:
    """What matched besides the title; nothing if the title has it all."""
    others = [highlight for highlight in hit.highlights if highlight.field != "title"]
    if not others or len(others) < len(hit.highlights):
        return None
    return Text.assemble(f"{others[0].field.replace('_', ' ')}: ", _marked(others[0]))


def _marked(highlight: "Highlight") -> Text:
    text = Text(highlight.text)
    for start, end in highlight.ranges:
        text.stylize(_MATCH, start, end)
    return text


def _few(names: tuple[str, ...]) -> str | None:
    more = len(names) - _SHOWN_NAMES
    return (", ".join(names[:_SHOWN_NAMES]) + (f" and {more:,} more" if more > 0 else "")) or None


def _moments(hit: "AnswerHit") -> str:
    return "; ".join(" → ".join(map(clock, place.seconds)) for places in hit.moments for place in places)


def clock(milliseconds: int) -> str:
    """A length or a moment, such as ``1:02:03``."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


# --- JSON and CSV -------------------------------------------------------------------------------------------


def _as_json(answer: "Answer") -> dict[str, Any]:
    from stash_pipeline.search.stored import to_json

    result = asdict(answer)
    for shown, hit in zip(result["hits"], answer.hits, strict=True):
        shown["document"] = json.loads(to_json(hit.document))
    return result


def _csv_row(hit: "AnswerHit") -> dict[str, Any]:
    document = hit.document
    return {
        "kind": hit.kind, "id": hit.id, "title": hit.title, "people": "; ".join(document.people),
        "studio": document.studios[0] if document.studios else "", "date": document.date or "",
        "seconds": "" if document.duration is None else document.duration / 1000,
        "instances": "; ".join(hit.instances), "score": hit.score,
        "matched": "; ".join(f"{highlight.field}: {highlight.text}" for highlight in hit.highlights),
        "moments": _moments(hit),
    }  # fmt: skip
