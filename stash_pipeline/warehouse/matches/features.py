"""Objects of ``stash`` in the form in which they are compared, and the keys by which candidates are found."""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from operator import is_
from sys import intern
from typing import Any, Final, NamedTuple

import orjson
from xxhash import xxh3_64_intdigest

from stash_pipeline.matching.compare import Comparison, File, Performer, Scene, compare_performers, compare_scenes
from stash_pipeline.matching.compare_named import (
    Named,
    compare_galleries,
    compare_groups,
    compare_images,
    compare_studios,
    compare_tags,
)
from stash_pipeline.matching.dates import parse_date
from stash_pipeline.matching.names import name_keys, normalise_name
from stash_pipeline.matching.paths import path_key, relative_path
from stash_pipeline.matching.phash import is_degenerate
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.matching.urls import canonical_url
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.database_thread import DatabaseThread, database_thread
from stash_pipeline.warehouse.matches.feature_sql import features_query

Node = tuple[int, int]
"""An object: the id of its instance, and its own."""

Features = Performer | Scene | Named
Key = str
"""A method and a value, see :func:`key_of`: objects that have one in common are compared."""

VERSION: Final = 3
"""To be raised when this module makes other features or keys, or what is compared of them makes other evidence."""

_UNKNOWN: Final = -1
_LONGEST: Final = 2_000_000_000
"""Milliseconds, 23 days: more is what servers measure of broken files, and no integer of Postgres."""
_ROWS_AT_ONCE: Final = 2500
_PARTS_AHEAD: Final = 6


@dataclass(frozen=True, slots=True)
class Phash:
    """A perceptual hash that proves something: of a video that is long enough, and not of plain frames."""

    file_id: int
    phash: int
    duration: int


class Traits(NamedTuple):
    """What of an object may forbid that it joins others, see :class:`Object`."""

    birth: int
    phashes: tuple[Phash, ...]


@dataclass(frozen=True, slots=True)
class Object:
    """One object of an entity.

    Attributes:
        birth: the birthdate as a number, −1 where it is unknown.
        phashes: of its files, those that can prove something.
    """

    node: Node
    features: Features
    birth: int = _UNKNOWN
    phashes: tuple[Phash, ...] = ()

    @property
    def traits(self) -> Traits:
        """What clusters need of it, which is much less than all of it."""
        return Traits(self.birth, self.phashes)


Roots = Mapping[int, tuple[str, ...]]
"""Per instance, the folders of its library."""


def load_roots(connection: Connection) -> Roots:
    """The folders of all libraries."""
    rows = connection.execute(
        "SELECT instance_id, array_agg(path ORDER BY path) FROM stash.configuration_stashes\n"
        "WHERE path IS NOT NULL GROUP BY 1"
    )
    return {instance_id: tuple(paths) for instance_id, paths in rows}


def load_objects(connection: Connection, entity: str, roots: Roots, nodes: Iterable[Node]) -> Iterator[Object]:
    """Reads some objects with what is compared of them. Those that are not there are left out."""
    listed = list(nodes)
    parts = _parts_of_some(connection, entity, listed)
    if len(listed) <= _ROWS_AT_ONCE:
        for rows in parts:
            yield from _objects(entity, roots, rows)
        return
    with database_thread() as database:
        yield from ObjectReader(entity, roots, parts, database)


def all_objects(connection: Connection, entity: str, roots: Roots, database: DatabaseThread) -> "ObjectReader":
    """Begins to read all objects.

    Args:
        database: the one thread that uses the connection.
    """
    parts = _parts_of_all(connection, entity)
    database.close_at_end(parts)
    return ObjectReader(entity, roots, parts, database)


Rows = list[tuple[str]]
"""One JSON array per object."""


class ObjectReader:
    """Reads objects ahead: Postgres makes the next rows while those before are taken apart.

    Args:
        database: the thread that reads; it begins at once.
    """

    def __init__(self, entity: str, roots: Roots, parts: Iterator[Rows], database: DatabaseThread) -> None:
        self._entity, self._roots, self._parts, self._database = entity, roots, parts, database
        self._coming = deque(self._next() for _ in range(_PARTS_AHEAD))

    def _next(self) -> "Future[Rows | None]":
        return self._database.submit(next, self._parts, None)

    def __iter__(self) -> Iterator[Object]:
        while rows := self._coming.popleft().result():
            self._coming.append(self._next())
            yield from _objects(self._entity, self._roots, rows)


def _objects(entity: str, roots: Roots, rows: Rows) -> Iterator[Object]:
    make = _MAKERS[entity]
    for row in orjson.loads(f"[{','.join([text for (text,) in rows])}]"):
        yield make((row[0], row[1]), row[2:], roots.get(row[0], ()))


def _parts_of_some(connection: Connection, entity: str, nodes: Sequence[Node]) -> Iterator[Rows]:
    for start in range(0, len(nodes), _ROWS_AT_ONCE):
        some = nodes[start : start + _ROWS_AT_ONCE]
        rows = connection.execute(
            features_query(entity, some=True),
            {"instances": [node[0] for node in some], "ids": [node[1] for node in some]},
        ).fetchall()
        if rows:
            yield rows


def _parts_of_all(connection: Connection, entity: str) -> Generator[Rows, None, None]:
    """By instance: Postgres prepares the rows of the next one while those of the first are taken apart."""
    instances = connection.execute("SELECT id FROM ops.instances ORDER BY id").fetchall()
    for (number,) in instances:
        with connection.cursor(name=f"features_of_{entity}") as cursor:
            cursor.execute(f"{features_query(entity, some=False)}\nWHERE o.instance_id = {number}")
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                yield rows


def key_of(method: str, value: str) -> Key:
    """The key of a value."""
    return f"{method}\0{value}"


def keys_of(features: Features) -> set[Key]:
    """By what candidates for an object are found."""
    if isinstance(features, Scene):
        keys = _keys_of_scene(features)
    elif isinstance(features, Performer):
        keys = {f"name\0{name}" for name in features.names}
        birth = features.birthdate
        if birth and birth.day and (birth.month, birth.day) != (1, 1):
            keys.add(f"birthdate\0{birth.year}-{birth.month}-{birth.day}")
    else:
        keys = {f"name\0{name}" for name in features.aliases | {features.name} if name}
        keys |= {f"md5\0{value}" for value in features.hashes} | {f"path\0{value}" for value in features.paths}
    for url in features.urls:
        keys.add(f"url\0{url}")
    for endpoint, value in features.stash_ids:
        keys.add(f"stash_id\0{endpoint} {value}")
    return keys


def _keys_of_scene(scene: Scene) -> set[Key]:
    # one after the other: libraries have many scenes, and these take half the time of a loop over methods
    keys = set()
    if scene.title:
        keys.add(f"title\0{scene.title}")
    if scene.code:
        keys.add(f"code\0{scene.code}")
    for file in scene.files:
        if file.oshash:
            keys.add(f"oshash\0{file.oshash}")
        if file.md5:
            keys.add(f"md5\0{file.md5}")
        if file.path:
            keys.add(f"path\0{file.path}")
            keys.add(f"file_name\0{file.path.rpartition('/')[2]}")
    return keys


_RECOGNISED_BY: Final = ("oshash", "md5", "stash_id", "path", "url", "name")
"""The methods by which an object is recognised after a re-import, the strongest first."""

_CONTENT_KEYS: Final = 20
"""Of an object; a performer can have hundreds of aliases."""


def content_keys(features: Features) -> list[str]:
    """What an object is recognised by when its id is another one: ``method value``, the strongest first."""
    parts = (key.partition("\0") for key in keys_of(features))
    keys = sorted((_RECOGNISED_BY.index(method), value) for method, _, value in parts if method in _RECOGNISED_BY)
    return [f"{_RECOGNISED_BY[rank]} {value}" for rank, value in keys[:_CONTENT_KEYS]]


def key_hash(key: Key) -> int:
    """A key as a signed 64-bit integer. Two keys may share one: objects are compared all the same."""
    return key_digest(key) - (1 << 63)


def key_digest(key: Key) -> int:
    """The same as an unsigned integer, larger by 2^63."""
    return xxh3_64_intdigest(key.encode("utf-8", "surrogatepass"))


_LIMITS: Final = {"url": "url", "name": "rare_name", "alias": "alias", "oshash": "hash", "md5": "hash"}
"""The limit of each method, among :data:`PARAMETERS`: a value that more objects of one instance have says nothing."""


def smallest_limit(entity: str) -> int:
    """The smallest limit of the methods that count for an entity; names are rare or not for performers only."""
    methods = (method for method in _LIMITS if method != "name" or entity == "performers")
    return min(PARAMETERS[_LIMITS[method]]["most"] for method in methods)


Counts = Mapping[int, int]
"""Per hash of a key, in how many objects of one instance it is, at most."""


def with_counts(features: Features, counts: Counts) -> Features:
    """Features without the URLs, aliases and hashes of many objects; of performers, with the names of few."""

    def has_few(method: str, value: str) -> bool:
        # names and aliases have one kind of key
        key = key_of("name" if method == "alias" else method, value)
        return counts.get(key_hash(key), 1) <= PARAMETERS[_LIMITS[method]]["most"]

    urls = _kept(features.urls, "url", has_few)
    if isinstance(features, Performer):
        return replace(features, urls=urls, rare_names=frozenset(_kept(features.names, "name", has_few)))
    if isinstance(features, Scene):
        files = tuple(_with_rare_hashes(file, has_few) for file in features.files)
        if urls is features.urls and all(map(is_, files, features.files)):
            return features
        return replace(features, urls=urls, files=files)
    hashes = _kept(features.hashes, "md5", has_few)
    # Stash allows each alias of a tag or studio once, but those of groups are any text
    aliases = _kept(features.aliases, "alias", has_few)
    if urls is features.urls and hashes is features.hashes and aliases is features.aliases:
        return features
    return replace(features, urls=frozenset(urls), hashes=frozenset(hashes), aliases=frozenset(aliases))


HasFew = Callable[[str, str], bool]
"""Whether few objects of one instance have a value of a method."""


def _kept(values: Collection[str], method: str, has_few: HasFew) -> Collection[str]:
    """The values that few have; the same object if that is all of them, because most are."""
    if all(has_few(method, value) for value in values):
        return values
    return frozenset(value for value in values if has_few(method, value))


def _with_rare_hashes(file: File, has_few: HasFew) -> File:
    oshash = file.oshash if not file.oshash or has_few("oshash", file.oshash) else ""
    md5 = file.md5 if not file.md5 or has_few("md5", file.md5) else ""
    return file if (oshash, md5) == (file.oshash, file.md5) else replace(file, oshash=oshash, md5=md5)


_COMPARE_NAMED: Final = {
    "studios": compare_studios,
    "tags": compare_tags,
    "groups": compare_groups,
    "galleries": compare_galleries,
    "images": compare_images,
}


def compare(entity: str, left: Features, right: Features) -> Comparison:
    """Agreements and contradictions of two objects of one entity."""
    if isinstance(left, Performer) and isinstance(right, Performer):
        return compare_performers(left, right)
    if isinstance(left, Scene) and isinstance(right, Scene):
        return compare_scenes(left, right)
    assert isinstance(left, Named) and isinstance(right, Named)
    return _COMPARE_NAMED[entity](left, right)


# --- rows ---------------------------------------------------------------------------------------------------


def _texts(values: list[str | None] | None) -> list[str]:
    return [value for value in values or () if value]


def _urls(values: list[str | None] | None) -> frozenset[str]:
    canonical = (canonical_url(value) for value in _texts(values))
    return frozenset(str(url) for url in canonical if url and not url.generic)


def _stash_ids(endpoints: list[str | None] | None, values: list[str | None] | None) -> frozenset[tuple[str, str]]:
    pairs = zip(endpoints or (), values or (), strict=True)
    # the same few endpoints at every object
    return frozenset((intern(endpoint), value.lower()) for endpoint, value in pairs if endpoint and value)


def _path(path: str | None, roots: tuple[str, ...]) -> str:
    relative = relative_path(path, roots) if path else None
    return path_key(relative) if relative else ""


def _performer(node: Node, row: list[Any], _: tuple[str, ...]) -> Object:
    name, disambiguation, gender, birthdate, aliases, urls, endpoints, ids = row
    birth = parse_date(birthdate)
    features = Performer(
        name_keys(name or "", _texts(aliases)),
        birth,
        _stash_ids(endpoints, ids),
        _urls(urls),
        normalise_name(disambiguation or ""),
        gender or "",
    )
    number = _UNKNOWN if birth is None else birth.year * 10_000 + (birth.month or 0) * 100 + (birth.day or 0)
    return Object(node, features, birth=number)


def _scene(node: Node, row: list[Any], roots: tuple[str, ...]) -> Object:
    title, code, date, studio, urls, endpoints, ids, performers, *lists = row
    shortest = PARAMETERS["phash"]["minimum_duration"]
    files, phashes = [], []
    for file_id, path, seconds, oshash, md5, phash in zip(*(values or () for values in lists), strict=True):
        duration = round(seconds * 1000) if seconds and 0 < seconds * 1000 <= _LONGEST else _UNKNOWN
        unsigned = None if phash is None else phash % (1 << 64)
        strong = unsigned is not None and duration >= shortest and not is_degenerate(unsigned)
        files.append(File(oshash or "", md5 or "", unsigned, duration, not strong, _path(path, roots)))
        if strong and phash is not None:
            phashes.append(Phash(file_id, phash, duration))
    features = Scene(
        tuple(files),
        # small tuples take a quarter of the memory of small sets, and there are many scenes
        tuple(_stash_ids(endpoints, ids)),
        tuple(_urls(urls)),
        normalise_name(title or ""),
        parse_date(date),
        normalise_name(code or ""),
        normalise_name(studio or ""),
        tuple({normalise_name(name) for name in _texts(performers)}),
    )
    return Object(node, features, phashes=tuple(phashes))


def _studio(node: Node, row: list[Any], _: tuple[str, ...]) -> Object:
    name, aliases, urls, endpoints, ids, parent = row
    return Object(
        node,
        Named(
            normalise_name(name or ""),
            name_keys("", _texts(aliases)),
            _stash_ids(endpoints, ids),
            _urls(urls),
            frozenset({normalise_name(parent)} if parent else ()),
        ),
    )


def _tag(node: Node, row: list[Any], _: tuple[str, ...]) -> Object:
    name, aliases, endpoints, ids, parents = row
    return Object(
        node,
        Named(
            normalise_name(name or ""),
            name_keys("", _texts(aliases)),
            _stash_ids(endpoints, ids),
            parents=frozenset(normalise_name(parent) for parent in _texts(parents)),
        ),
    )


def _group(node: Node, row: list[Any], _: tuple[str, ...]) -> Object:
    name, aliases, date, director, urls, studio = row
    return Object(
        node,
        Named(
            normalise_name(name or ""),
            name_keys("", (aliases or "").split(",")),
            urls=_urls(urls),
            date=parse_date(date),
            director=normalise_name(director or ""),
            studio=normalise_name(studio or ""),
        ),
    )


def _gallery(node: Node, row: list[Any], roots: tuple[str, ...]) -> Object:
    title, date, urls, hashes, paths = row
    return Object(
        node,
        Named(
            normalise_name(title or ""),
            urls=_urls(urls),
            date=parse_date(date),
            hashes=frozenset(_texts(hashes)),
            paths=_paths(paths, roots),
        ),
    )


def _image(node: Node, row: list[Any], roots: tuple[str, ...]) -> Object:
    hashes, paths = row
    return Object(node, Named(hashes=frozenset(_texts(hashes)), paths=_paths(paths, roots)))


def _paths(paths: list[str | None] | None, roots: tuple[str, ...]) -> frozenset[str]:
    return frozenset(_path(path, roots) for path in _texts(paths)) - {""}


_MAKERS: Final[Mapping[str, Callable[[Node, list[Any], tuple[str, ...]], Object]]] = {
    "performers": _performer,
    "studios": _studio,
    "tags": _tag,
    "groups": _group,
    "scenes": _scene,
    "galleries": _gallery,
    "images": _image,
}
