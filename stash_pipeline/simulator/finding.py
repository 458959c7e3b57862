"""Finding objects: ids, filter, search text, order, pages, counts.

Contains the common part of the find queries. Sorts are in ``finders``, filter fields in ``filters``.
"""

from dataclasses import dataclass
from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.filters import conditions_of, table_of
from stash_pipeline.simulator.finders import FINDERS, Finder
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import id_list, load_all, load_or_stub, load_rows

_RANDOM = "RANDOM()"


@dataclass(frozen=True)
class Order:
    """The order of a find filter.

    Attributes:
        expression: what is sorted by first. direction: ``ASC`` or ``DESC``. tie_breaker: an expression, or nothing.
    """

    expression: str
    direction: str
    tie_breaker: str

    def clause(self) -> str:
        """The ORDER BY."""
        tie_breaker = f", {self.tie_breaker}" if self.tie_breaker else ""
        return f" ORDER BY {self.expression} {self.direction}{tie_breaker}"


def order_of(finder: Finder, filter_: dict[str, Any]) -> Order | None:
    """The order of a find filter; there may be none without a sort, so rows come in index order."""
    sort = filter_.get("sort") or finder.default_sort
    if not sort:
        return None
    expression = _RANDOM if sort.startswith("random_") else finder.sorts.get(sort)
    if expression is None:
        raise AnswerError(f"invalid sort: {sort}")
    return Order(expression, filter_.get("direction") or "ASC", "" if sort == "id" else finder.tie_breaker)


def _search(finder: Finder, q: str | None) -> tuple[str, list[Any]]:
    words = (q or "").split()
    parts, parameters = [], []
    for word in words:
        parts.append("(" + " OR ".join(f"{column} LIKE ?" for column in finder.searched) + ")")
        parameters += [f"%{word}%"] * len(finder.searched)
    return " AND ".join(parts) or "1", parameters


class FindResult:
    """The result of one find query; values that are not requested are not computed."""

    def __init__(self, ctx: RequestContext, finder: Finder, arguments: dict[str, Any]) -> None:
        self.ctx, self.finder = ctx, finder
        self.table = table_of(finder.kind)
        self.filter = arguments.get("filter") or {}
        self.ids = self._given_ids(arguments)
        if self.ids is None:
            given = arguments.get(finder.filter_argument) or (
                arguments.get("movie_filter") if finder.kind == "Group" else None
            )
            condition, parameters = conditions_of(ctx, finder.kind, given)
            searched, more = _search(finder, self.filter.get("q"))
            parts = [part for part in (condition, searched) if part != "1"]
            self.where = f" WHERE {' AND '.join(f'({part})' for part in parts)}" if parts else ""
            self.parameters = parameters + more
            self.order = order_of(finder, self.filter)
        else:
            load_all(ctx, finder.kind, self.ids)

    def _given_ids(self, arguments: dict[str, Any]) -> list[int] | None:
        texts = arguments.get("ids")
        if texts:
            seen: set[str] = set()
            for id_text in texts:
                if id_text in seen:
                    raise AnswerError(f"validating ids: duplicate id found: {id_text}")
                seen.add(id_text)
            try:
                return [int(id_text) for id_text in texts]
            except ValueError as error:
                invalid = str(error).rsplit(": ", 1)[-1].strip("'")
                raise AnswerError(f'converting ids: strconv.Atoi: parsing "{invalid}": invalid syntax') from None
        for name in self.finder.id_arguments[1:]:
            if arguments.get(name):
                return list(arguments[name])
        return None

    def page(self) -> list[int]:
        """The ids of the requested page."""
        if self.ids is not None:
            return self.ids
        per_page = self.filter.get("per_page")
        size = 25 if per_page is None else per_page
        limit, where, parameters = "", self.where, self.parameters
        if size >= 0:
            number = max(self.filter.get("page") or 1, 1)
            limit = f" LIMIT {size} OFFSET {(number - 1) * size}"
            where, parameters = self._without_later_pages(number * size)
        order = self.order.clause() if self.order else ""
        sql = f'SELECT DISTINCT "{self.table}".id FROM "{self.table}"{where}{order}{limit}'
        return [row[0] for row in self.ctx.library.tuples(sql, parameters)]

    def _without_later_pages(self, end: int) -> tuple[str, list[Any]]:
        """The condition, limited to rows that may be among the first ones.

        The tie-breakers are natural keys, which are computed in Python. A real server compares texts only where the
        first expression is equal; this way the simulated one computes keys for these rows only.
        """
        order = self.order
        if order is None or not order.tie_breaker or not end or order.expression == _RANDOM:
            return self.where, self.parameters
        latest = self.finder.latest.get(self.filter.get("sort") or "")
        if latest and order.direction == "DESC" and not self.where:
            sql = f"SELECT value FROM ({latest}) WHERE value IS NOT NULL ORDER BY 1 DESC LIMIT 1 OFFSET {end - 1}"
            last = next((row[0] for row in self.ctx.library.tuples(sql, ())), None)
            if last is not None:
                return f' WHERE "{self.table}".id IN (SELECT owner FROM ({latest}) WHERE value >= ?)', [last]
        key = order.expression
        sql = f'SELECT {key} FROM "{self.table}"{self.where} ORDER BY 1 {order.direction} LIMIT 1 OFFSET {end - 1}'
        last = next((row[0] for row in self.ctx.library.tuples(sql, self.parameters)), None)
        if last is None:
            return self.where, self.parameters
        # NULL comes first in ascending order
        first = f"({key} <= ? OR {key} IS NULL)" if order.direction == "ASC" else f"{key} >= ?"
        return f"{self.where} AND {first}" if self.where else f" WHERE {first}", [*self.parameters, last]

    def all_ids(self) -> list[int]:
        """The ids of all pages."""
        if self.ids is not None:
            return self.ids
        sql = f'SELECT "{self.table}".id FROM "{self.table}"{self.where}'
        return [row[0] for row in self.ctx.library.tuples(sql, self.parameters)]

    def count(self) -> int:
        """The number of objects on all pages."""
        if self.ids is not None:
            return len(self.ids)
        sql = f'SELECT COUNT(*) FROM "{self.table}"{self.where}'
        return int(self.ctx.library.scalar(sql, self.parameters))

    def rows(self, selected: SelectedFields) -> list[Row]:
        """The objects of the page."""
        # ids and rows are read in one transaction, related rows later
        with self.ctx.library.lock:
            ids = self.page()
            rows = load_or_stub(self.ctx, self.finder.kind, ids, selected)
        return [rows[identifier] for identifier in ids]

    def total(self, name: str) -> float:
        """A sum over all pages."""
        return self.ctx.library.scalar(self.finder.totals[name], (id_list(self.all_ids()),)) or 0


def find_loader(finder: Finder) -> Loader:
    """The query ``findXs``."""

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return [{"found": FindResult(ctx, finder, args)} for _ in rows]

    return load


def _list_loader(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [row["found"].rows(selected) for row in rows]


def _count_loader(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [row["found"].count() for row in rows]


def _total_loader(name: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return [row["found"].total(name) for row in rows]

    return load


def _by_hash(ctx: RequestContext, kind: str, fingerprint: str, value: str) -> int | None:
    table, owner = ("scenes_files", "scene_id") if kind == "Scene" else ("images_files", "image_id")
    identifier = ctx.library.scalar(
        f"SELECT MIN(f.{owner}) FROM {table} f JOIN files_fingerprints p ON p.file_id = f.file_id"
        " WHERE p.type = ? AND p.fingerprint = ?",
        (fingerprint, value),
    )
    return None if identifier is None else int(identifier)


def _by_other(ctx: RequestContext, kind: str, args: dict[str, Any]) -> int | None:
    """The id of an object that is given by checksum or by path."""
    if args.get("checksum") is not None:
        return _by_hash(ctx, kind, "md5", args["checksum"])
    if args.get("path") is not None:
        path = (
            "folders.path"
            if kind == "Folder"
            else "(SELECT folders.path || '/' || files.basename FROM folders WHERE folders.id = files.parent_folder_id)"
        )
        table = table_of(kind)
        identifier = ctx.library.scalar(f"SELECT id FROM {table} WHERE {path} = ?", (args["path"],))
        return None if identifier is None else int(identifier)
    return None


def _scene_by_hash(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    """findSceneByHash: by checksum, or else by oshash."""
    given, scene_id = args["input"], None
    for field, fingerprint in (("checksum", "md5"), ("oshash", "oshash")):
        if scene_id is None and given.get(field):
            scene_id = _by_hash(ctx, "Scene", fingerprint, given[field])
    return [None if scene_id is None else load_rows(ctx, "Scene", [scene_id]).get(scene_id)]


def one_loader(kind: str) -> Loader:
    """The query ``findX(id:)``: the object, or null if it does not exist."""

    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        text = args.get("id")
        if text is None:
            identifier = _by_other(ctx, kind, args)
            if identifier is None and kind in ("File", "Folder"):
                raise AnswerError(f"{kind.lower()} not found")
            return [None if identifier is None else load_rows(ctx, kind, [identifier]).get(identifier)]
        try:
            identifier = int(text)
        except ValueError:
            raise AnswerError(f'strconv.Atoi: parsing "{text}": invalid syntax') from None
        row = load_rows(ctx, kind, [identifier]).get(identifier)
        if row is None and kind in ("File", "Folder"):
            raise AnswerError(f"{kind.lower()} not found")
        return [row]

    return load


def _all_loader(kind: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
        return [FindResult(ctx, FINDERS[kind], {"filter": {"per_page": -1}}).rows(selected)]

    return load


_QUERY_NAMES = {
    "Scene": ("findScenes", "findScene", "allScenes"),
    "SceneMarker": ("findSceneMarkers", "", "allSceneMarkers"),
    "Performer": ("findPerformers", "findPerformer", "allPerformers"),
    "Studio": ("findStudios", "findStudio", "allStudios"),
    "Tag": ("findTags", "findTag", "allTags"),
    "Group": ("findGroups", "findGroup", ""),
    "Gallery": ("findGalleries", "findGallery", "allGalleries"),
    "Image": ("findImages", "findImage", "allImages"),
    "File": ("findFiles", "findFile", ""),
    "Folder": ("findFolders", "findFolder", ""),
}

LOADERS: dict[tuple[str, str], Loader] = {
    ("Query", "findSceneByHash"): _scene_by_hash,
    ("Query", "findMovies"): find_loader(FINDERS["Group"]),
    ("Query", "findMovie"): one_loader("Group"),
    ("Query", "allMovies"): _all_loader("Group"),
    ("FindMoviesResultType", "count"): _count_loader,
    ("FindMoviesResultType", "movies"): _list_loader,
}
for _kind, (_many, _single, _all) in _QUERY_NAMES.items():
    _finder = FINDERS[_kind]
    _result = f"F{_many[1:]}ResultType"
    LOADERS["Query", _many] = find_loader(_finder)
    LOADERS[_result, "count"] = _count_loader
    LOADERS[_result, _finder.list_field] = _list_loader
    for _name in _finder.totals:
        LOADERS[_result, _name] = _total_loader(_name)
    if _single:
        LOADERS["Query", _single] = one_loader(_kind)
    if _all:
        LOADERS["Query", _all] = _all_loader(_kind)
