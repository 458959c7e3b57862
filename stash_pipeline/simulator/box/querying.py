"""Lists of scenes, performers, studios, tags and edits: filters, order and pages.

Contains the queries that begin with query. Filters that a stash-box declares and ignores are ignored here too. Deleted
rows are in none of the lists, and a page may have any size.
"""

from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.simulator.box.context import BoxContext, Loader, Loaders, marks, parse_id
from stash_pipeline.simulator.box.fingerprints import parse_hash, text_of
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.errors import AnswerError

_COMPARISONS = {"EQUALS": "= ?", "NOT_EQUALS": "<> ?", "GREATER_THAN": "> ?", "LESS_THAN": "< ?"}
_NULLS = {"IS_NULL": "IS NULL", "NOT_NULL": "IS NOT NULL"}


@dataclass
class Selection:
    """The rows of a list: conditions with their parameters, and an order."""

    table: str
    conditions: list[str] = field(default_factory=lambda: ["NOT deleted"])
    parameters: list[Any] = field(default_factory=list)
    joins: str = ""
    order: str = ""

    def where(self, condition: str, *parameters: Any) -> None:
        """Only rows for which this is true."""
        self.conditions.append(condition)
        self.parameters += parameters

    def contains(self, columns: str, text: str | None) -> None:
        """Only rows that contain a text in one of these columns, whatever its case."""
        if text:
            names = columns.split()
            self.where(f"({' OR '.join(f'contains({name}, ?)' for name in names)})", *[text for _ in names])

    def criterion(self, expression: str, criterion: Row | None, text: bool = False) -> None:
        """Applies a criterion; a modifier that it does not know is ignored."""
        modifier = criterion["modifier"] if criterion else ""
        if modifier in _NULLS:
            self.where(f"{expression} {_NULLS[modifier]}")
        elif criterion and modifier in _COMPARISONS and not (text and "THAN" in modifier):
            self.where(f"{expression} {_COMPARISONS[modifier]}", criterion["value"])
        elif criterion and modifier == "INCLUDES" and text:
            self.where(f"contains({expression}, ?)", criterion["value"])

    def count(self, ctx: BoxContext) -> int:
        """How many rows there are."""
        sql = f"SELECT COUNT(*) FROM {self.table} {self.joins} WHERE {' AND '.join(self.conditions)}"
        return int(ctx.box.scalar(sql, self.parameters))

    def page(self, ctx: BoxContext, arguments: Row) -> list[Row]:
        """The rows of a page."""
        size = arguments.get("per_page") or 0
        size = size if size > 0 else 25
        number = max(arguments.get("page") or 0, 1)
        sql = (
            f"SELECT {self.table}.* FROM {self.table} {self.joins} WHERE {' AND '.join(self.conditions)}"
            f" ORDER BY {self.order} LIMIT ? OFFSET ?"
        )
        return ctx.box.rows(sql, [*self.parameters, size, (number - 1) * size])


def _direction(ctx: BoxContext, arguments: Row) -> str:
    """The direction of a list; Postgres has nulls at the end, or first when it is descending."""
    if not ctx.release.since(7):
        return f"{arguments.get('direction') or 'ASC'} NULLS LAST"
    return "DESC NULLS FIRST" if arguments.get("direction") == "DESC" else "ASC NULLS LAST"


def _ids(values: list[Any] | None, name: str) -> list[str]:
    return [parse_id(value, "input", name, "value", place) for place, value in enumerate(values or ())]


def _in_relation(selection: Selection, table: str, column: str, criterion: Row | None, name: str) -> None:
    ids = _ids(criterion.get("value"), name) if criterion else []
    if not ids or criterion is None:
        return
    modifier = criterion["modifier"]
    related = f"SELECT scene_id FROM {table} WHERE {column} IN ({marks(ids)})"
    if modifier == "INCLUDES" or (modifier == "INCLUDES_ALL" and len(ids) == 1):
        selection.where(f"id IN ({related})", *ids)
    elif modifier == "INCLUDES_ALL":
        selection.where(f"id IN ({related} GROUP BY scene_id HAVING COUNT(*) = ?)", *ids, len(ids))
    elif modifier == "EXCLUDES":
        selection.where(f"id NOT IN ({related})", *ids)
    else:
        raise AnswerError(f"unsupported modifier {modifier} for {table}.{column}")


def _in_column(
    selection: Selection, column: str, criterion: Row | None, name: str, strict: bool, with_none: bool = True
) -> None:
    """Ids in a column of the row itself. For some lists an unknown modifier is an error, others ignore it.

    `with_none`: rows without an id are among those that exclude some.
    """
    if criterion is None:
        return
    ids, modifier = _ids(criterion.get("value"), name), criterion["modifier"]
    if not ids and (strict or modifier in ("EQUALS", "NOT_EQUALS")):
        return
    if modifier in _NULLS:
        selection.where(f"{column} {_NULLS[modifier]}")
    elif modifier in ("EQUALS", "NOT_EQUALS"):
        selection.where(f"{column} {_COMPARISONS[modifier]}", ids[0])
    elif modifier == "INCLUDES":
        selection.where(f"{column} IN ({marks(ids)})", *ids)
    elif modifier == "EXCLUDES":
        none = f"{column} IS NULL OR " if with_none else ""
        selection.where(f"({none}{column} NOT IN ({marks(ids)}))", *ids)
    elif strict:
        raise AnswerError(f"unsupported modifier {modifier} for scenes.{column}")


def _stored_hashes(ctx: BoxContext, sent: list[str]) -> list[int]:
    """The fingerprints with these hashes."""
    if ctx.release.hashes_are_texts:
        known = ctx.box.tuples("SELECT id, hash, algorithm FROM fingerprints")
        return [print_id for print_id, number, algorithm in known if text_of(number, algorithm) in sent]
    numbers = []
    for text in sent:
        try:
            numbers.append(parse_hash(text, ()))
        except AnswerError as error:
            raise AnswerError(f'invalid fingerprint hash "{text}": {error}') from None
    return [row[0] for row in ctx.box.tuples(f"SELECT id FROM fingerprints WHERE hash IN ({marks(numbers)})", numbers)]


def select_scenes(ctx: BoxContext, arguments: Row) -> Selection:
    """The scenes of a query. `alias` and `production_date` have no effect."""
    selection = Selection("scenes")
    direction = _direction(ctx, arguments)
    sort = arguments.get("sort") or "TITLE"
    if sort in ("TRENDING", "POPULARITY"):
        votes = "(SELECT COUNT(DISTINCT user_id) FROM scene_fingerprints WHERE scene_id = scenes.id)"
        selection.order = f"{votes} {'DESC' if sort == 'TRENDING' else direction}, id {direction}"
        if sort == "TRENDING":
            selection.where(f"{votes} > 0")
    else:
        nulls = f"{arguments.get('direction') or 'ASC'} NULLS LAST" if sort == "DURATION" else direction
        second = f"disorder(id, {ctx.salt})" if sort == "TITLE" else f"id {direction}"
        selection.order = f"{sort.lower()} {nulls}, {second}"
    if ctx.release.is_tpdb:
        return selection
    if arguments.get("url"):
        selection.where("id IN (SELECT scene_id FROM scene_urls WHERE url = ?)", arguments["url"])
    if arguments.get("parentStudio") is not None:
        parent = parse_id(arguments["parentStudio"], "input", "parentStudio")
        selection.where("studio_id IN (SELECT id FROM studios WHERE ? IN (parent_studio_id, id))", parent)
    _in_relation(selection, "scene_performers", "performer_id", arguments.get("performers"), "performers")
    _in_relation(selection, "scene_tags", "tag_id", arguments.get("tags"), "tags")
    fingerprints = (arguments.get("fingerprints") or {}).get("value")
    if fingerprints:
        stored = _stored_hashes(ctx, fingerprints)
        selection.where(
            "id IN (SELECT scene_id FROM scene_fingerprints JOIN fingerprints ON fingerprints.id = fingerprint_id"
            f" WHERE fingerprints.id IN ({marks(stored)}))",
            *stored,
        )
    if arguments.get("has_fingerprint_submissions"):
        selection.where("id IN (SELECT scene_id FROM scene_fingerprints WHERE user_id = ?)", ctx.user)
    selection.contains("title", arguments.get("text"))
    selection.contains("title", arguments.get("title"))
    selection.criterion("code", arguments.get("code"), text=True)
    _in_column(selection, "studio_id", arguments.get("studios"), "studios", strict=True, with_none=ctx.release.since(9))
    date = arguments.get("date")
    if date and date["modifier"] not in (*_COMPARISONS, *_NULLS):
        raise AnswerError(f"unsupported modifier {date['modifier']} for scenes.date")
    selection.criterion("date", date)
    if arguments.get("favorites"):
        selection.where("0")
    return selection


_SCENES_OF = (
    "SELECT {what} FROM scene_performers JOIN scenes ON scenes.id = scene_id WHERE performer_id = performers.id"
)
_SORTED_BY = {
    "DEBUT": f"({_SCENES_OF.format(what='MIN(date)')})",
    "LAST_SCENE": f"({_SCENES_OF.format(what='MAX(date)')})",
    "SCENE_COUNT": "(SELECT COUNT(*) FROM scene_performers WHERE performer_id = performers.id)",
    "POPULARITY": "(SELECT COUNT(*) FROM scene_performers WHERE performer_id = performers.id)",
}


def select_performers(ctx: BoxContext, arguments: Row) -> Selection:
    """The performers of a query. Measurements, colours, careers, tattoos, piercings and `alias` have no effect.

    Nothing breaks ties of the order, so pages may repeat and skip performers.
    """
    selection = Selection("performers")
    direction, sort = _direction(ctx, arguments), arguments.get("sort") or "NAME"
    if sort in _SORTED_BY:
        nulls = direction.split()[0] + " NULLS LAST"
        selection.order = f"{_SORTED_BY[sort]} {nulls}, name {direction}, disorder(id, {ctx.salt})"
    else:
        selection.order = f"{sort.lower()} {direction}, disorder(id, {ctx.salt})"
    if ctx.release.is_tpdb:
        return selection
    if arguments.get("studio_id"):
        studio = parse_id(arguments["studio_id"], "input", "studio_id")
        sql = "SELECT performer_id FROM scene_performers JOIN scenes ON scenes.id = scene_id WHERE studio_id = ?"
        selection.where(f"id IN ({sql})", studio)
    if arguments.get("url"):
        selection.where("id IN (SELECT performer_id FROM performer_urls WHERE url = ?)", arguments["url"])
    selection.contains("name", arguments.get("name"))
    selection.contains("name disambiguation", arguments.get("names"))
    selection.criterion("CAST(substr(birthdate, 1, 4) AS INTEGER)", arguments.get("birth_year"))
    if ctx.release.since(7):
        selection.criterion("birthdate", arguments.get("birthdate"))
        selection.criterion("deathdate", arguments.get("deathdate"))
    for name in ("gender", "ethnicity"):
        if arguments.get(name) == "UNKNOWN":
            selection.where(f"{name} IS NULL")
        elif arguments.get(name):
            selection.where(f"{name} = ?", arguments[name])
    if arguments.get("is_favorite"):
        selection.where("0")
    if arguments.get("performed_with"):
        other = parse_id(arguments["performed_with"], "input", "performed_with")
        sql = "SELECT scene_id FROM scene_performers WHERE performer_id = ?"
        selection.where(
            f"id <> ? AND id IN (SELECT performer_id FROM scene_performers WHERE scene_id IN ({sql}))", other, other
        )
    if ctx.release.since(10):
        selection.criterion("disambiguation", arguments.get("disambiguation"), text=True)
    selection.criterion("country", arguments.get("country"), text=True)
    return selection


def select_studios(ctx: BoxContext, arguments: Row) -> Selection:
    """The studios of a query."""
    selection = Selection("studios")
    selection.order = (
        f"{(arguments.get('sort') or 'NAME').lower()} {_direction(ctx, arguments)}, disorder(id, {ctx.salt})"
    )
    if arguments.get("url"):
        selection.where("id IN (SELECT studio_id FROM studio_urls WHERE url = ?)", arguments["url"])
    selection.contains("name", arguments.get("name"))
    if arguments.get("names"):
        selection.where(
            "(contains(name, ?) OR contains((SELECT name FROM studios other WHERE other.id = studios.parent_studio_id),"
            " ?) OR id IN (SELECT studio_id FROM studio_aliases WHERE contains(alias, ?)))",
            *[arguments["names"]] * 3,
        )
    if arguments.get("has_parent") is not None:
        selection.where(f"parent_studio_id IS {'NOT ' if arguments['has_parent'] else ''}NULL")
    if ctx.release.since(8):
        _in_column(selection, "parent_studio_id", arguments.get("parent"), "parent", strict=False)
    if arguments.get("is_favorite"):
        selection.where("0")
    return selection


def select_tags(ctx: BoxContext, arguments: Row) -> Selection:
    """The tags of a query. `text` has no effect."""
    selection = Selection("tags")
    selection.order = (
        f"{(arguments.get('sort') or 'NAME').lower()} {_direction(ctx, arguments)}, disorder(id, {ctx.salt})"
    )
    if ctx.release.is_tpdb:
        return selection
    selection.contains("name", arguments.get("name"))
    if arguments.get("names"):
        selection.where(
            "(contains(name, ?) OR id IN (SELECT tag_id FROM tag_aliases WHERE contains(alias, ?)))",
            *[arguments["names"]] * 2,
        )
    if arguments.get("category_id"):
        selection.where("category_id = ?", parse_id(arguments["category_id"], "input", "category_id"))
    return selection


def _list(select: Any) -> Loader:
    def load(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
        return [{"input": arguments["input"], "select": select}]

    return load


def _tags(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], selected: frozenset[str]) -> list[Any]:
    # A name that is an id finds that tag, even if it is deleted.
    name = arguments["input"].get("name")
    tags = ctx.box.rows("SELECT * FROM tags WHERE id = ?", (name.strip().lower(),)) if name else []
    if tags:
        return [{"count": 1, "tags": tags}]
    return _list(select_tags)(ctx, rows, arguments, selected)


def _counted(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    return [row["count"] if "count" in row else row["select"](ctx, row["input"]).count(ctx) for row in rows]


def _listed(name: str) -> Loader:
    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        return [row[name] if name in row else row["select"](ctx, row["input"]).page(ctx, row["input"]) for row in rows]

    return load


def _facets(_: BoxContext, rows: list[Row], *__: Any) -> list[Any]:
    return [row.get("facets") for row in rows]


def _scenes_of_performer(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], _: frozenset[str]) -> list[Any]:
    """The ten newest scenes of a performer."""
    filters = arguments.get("input") or {}
    results = []
    for row in rows:
        ids = [row["id"], *([filters["performed_with"]] if filters.get("performed_with") else [])]
        query: Row = {
            "performers": {"value": ids, "modifier": "INCLUDES_ALL"},
            "tags": filters.get("tags"),
            "sort": "DATE",
            "direction": "DESC",
            "per_page": 10,
        }
        if filters.get("studio_id"):
            query["studios"] = {"value": [filters["studio_id"]], "modifier": "INCLUDES"}
        results.append(select_scenes(ctx, query).page(ctx, query))
    return results


def _performers_of_studio(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], _: frozenset[str]) -> list[Any]:
    return [{"input": {**arguments["input"], "studio_id": row["id"]}, "select": select_performers} for row in rows]


def _sub_studios(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], _: frozenset[str]) -> list[Any]:
    filters = arguments.get("input") or {}
    return [
        {"input": {**filters, "parent": {"value": [row["id"]], "modifier": "EQUALS"}}, "select": select_studios}
        for row in rows
    ]


LOADERS: Loaders = {
    ("Query", "queryScenes"): _list(select_scenes),
    ("Query", "queryPerformers"): _list(select_performers),
    ("Query", "queryStudios"): _list(select_studios),
    ("Query", "queryTags"): _tags,
    ("QueryScenesResultType", "count"): _counted,
    ("QueryScenesResultType", "scenes"): _listed("scenes"),
    ("QueryPerformersResultType", "count"): _counted,
    ("QueryPerformersResultType", "performers"): _listed("performers"),
    ("QueryPerformersResultType", "facets"): _facets,
    ("QueryStudiosResultType", "count"): _counted,
    ("QueryStudiosResultType", "studios"): _listed("studios"),
    ("QueryTagsResultType", "count"): _counted,
    ("QueryTagsResultType", "tags"): _listed("tags"),
    ("Performer", "scenes"): _scenes_of_performer,
    ("Studio", "performers"): _performers_of_studio,
    ("Studio", "sub_studios"): _sub_studios,
}
