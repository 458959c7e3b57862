"""Libraries of a known truth, through the whole layer: documents, tables, links and clusters in Postgres."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from stash_pipeline.layers import LAYERS
from stash_pipeline.matching.compare import Performer, Scene, compare_performers
from stash_pipeline.matching.dates import PartialDate
from stash_pipeline.matching.phash import is_degenerate
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.simulator.library import Library
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline_tests.matches.documents import STAMP, server_of, video
from stash_pipeline_tests.matching.evaluation import Quality
from stash_pipeline_tests.matching.truth import Truth

Pair = tuple[Node, Node]


def match(database_url: str, home: Path, connection: Connection, made: Truth) -> dict[Node, int]:
    """Makes a server of each instance's records, and matches them; what each record is, by instance and id."""
    is_scenes = isinstance(made.records[0], Scene)
    truth: dict[Node, int] = {}
    for instance in sorted(set(made.instance)):
        positions = [position for position, one in enumerate(made.instance) if one == instance]
        some = [made.records[position] for position in positions]
        documents = _scenes(some) if is_scenes else _performers(some)
        server = server_of(database_url, home, connection, documents)
        truth |= {(server.id, number): made.truth[position] for number, position in enumerate(positions, 1)}
    shared_layers.follow(connection, MATCHES_LAYER, LAYERS)
    return truth


def _scenes(records: list[Any]) -> dict[str, list[dict[str, Any]]]:
    studios = {name: n for n, name in enumerate(sorted({one.studio for one in records} - {""}), 1)}
    names = sorted({name for one in records for name in one.performers})
    performers = {name: n for n, name in enumerate(names, 1)}
    files, scenes = [], []
    for number, one in enumerate(records, 1):
        (file,) = one.files
        phash = None if file.phash is None else f"{file.phash:016x}"
        path = f"/media/{file.path}"
        files.append(video(number, path=path, oshash=file.oshash, phash=phash, duration=file.duration / 1000))
        scenes.append(
            {
                "id": number,
                "title": one.title,
                "date": _text(one.date),
                "studio": studios.get(one.studio),
                "performers": sorted(performers[name] for name in one.performers),
                "files": [number],
                "stash_ids": _stash_ids(one.stash_ids),
            }  # fmt: skip
        )
    return {
        "studios": [{"id": number, "name": name} for name, number in studios.items()],
        "performers": [{"id": number, "name": name} for name, number in performers.items()],
        "files": files,
        "scenes": scenes,
        "configuration": [{"id": 0, "stashes": [{"path": "/media"}]}],
    }


def _performers(records: list[Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        "performers": [
            {
                "id": number, "name": min(one.names), "aliases": sorted(one.names)[1:], "gender": one.gender,
                "birthdate": _text(one.birthdate), "disambiguation": one.disambiguation,
                "urls": [f"https://{url}" for url in sorted(one.urls)], "stash_ids": _stash_ids(one.stash_ids),
            }
            for number, one in enumerate(records, 1)
        ]
    }  # fmt: skip


def _stash_ids(ids: Any) -> list[dict[str, str]]:
    return [{"endpoint": box, "stash_id": value, "updated_at": STAMP} for box, value in sorted(ids)]


def _text(date: PartialDate | None) -> str | None:
    if date is None:
        return None
    return f"{date.year}-{date.month:02}-{date.day:02}" if date.month and date.day else str(date.year)


def evident_scenes(left: Any, right: Any) -> bool:
    """Whether two scenes have a hash in common, or perceptual hashes of long videos within the limits."""
    (one,), (other,) = left.files, right.files
    if one.oshash and one.oshash == other.oshash:
        return True
    limits = PARAMETERS["phash"]
    if one.phash is None or other.phash is None or is_degenerate(one.phash) or is_degenerate(other.phash):
        return False
    return (
        min(one.duration, other.duration) >= limits["minimum_duration"]
        and abs(one.duration - other.duration) <= limits["window"]
        and (one.phash ^ other.phash).bit_count() <= limits["distance"]
    )


def evident_performers(left: Any, right: Any) -> bool:
    """Whether two performers have an id, a page or two names in common, or a name and at least the year of birth."""
    assert isinstance(left, Performer) and isinstance(right, Performer)
    agrees = compare_performers(left, right).agreements.keys()
    return bool(agrees & {"stash_id", "url", "two_names"}) or bool(
        agrees & {"birthdate", "birth_year"} and agrees & {"name", "typo"}
    )


def evident_of(made: Truth, truth: Mapping[Node, int]) -> Callable[[Node, Node], bool]:
    """Whether there is evidence for two records of a truth."""
    positions = dict(zip(truth, _in_order(made), strict=True))
    evident = evident_scenes if isinstance(made.records[0], Scene) else evident_performers
    return lambda one, other: evident(made.records[positions[one]], made.records[positions[other]])


def _in_order(made: Truth) -> list[int]:
    return sorted(range(len(made.instance)), key=lambda position: (made.instance[position], position))


def quality(
    connection: Connection,
    entity: str,
    truth: Mapping[Node, Hashable],
    evident: Callable[[Node, Node], bool] = lambda one, other: True,
) -> Quality:
    """How right the links and clusters of an entity are, of the objects of which the truth is known."""
    right = _pairs(truth)
    members = connection.execute(
        "SELECT instance_id, id, cluster_id FROM matches.members WHERE entity = %s", [entity]
    ).fetchall()
    joined = _pairs({(row[0], row[1]): row[2] for row in members if (row[0], row[1]) in truth})
    seen = {pair for pair in right if evident(*pair)}
    result = Quality(len(right), len(seen), len(right & joined), len(seen & joined), len(joined - right))
    for action, rule, refused, *nodes in connection.execute(
        "SELECT action, rule, refused ->> 'reason', left_instance_id, left_id, right_instance_id, right_id\n"
        "FROM matches.links WHERE entity = %s",
        [entity],
    ):
        one, other = (nodes[0], nodes[1]), (nodes[2], nodes[3])
        if one in truth and other in truth:
            counts = result.merged if action == "merge" else result.proposed
            counts.setdefault(rule, [0, 0])[truth[one] == truth[other]] += 1
            if refused:
                result.refused[refused] = result.refused.get(refused, 0) + 1
    return result


def _pairs(groups: Mapping[Node, Hashable]) -> set[Pair]:
    by_group: dict[Hashable, list[Node]] = defaultdict(list)
    for node in sorted(groups):
        by_group[groups[node]].append(node)
    return {pair for nodes in by_group.values() for pair in combinations(nodes, 2)}


def identities(libraries: Mapping[int, Library], entity: str) -> dict[Node, Hashable]:
    """What each object of generated libraries is, by instance and id.

    A tag is its name as well: each library numbers its tags of one name, and those of one name and number are one tag.
    """
    origins: dict[Node, Hashable] = {
        (instance_id, identifier): identity
        for instance_id, library in libraries.items()
        for identifier, identity in library.identities.get(entity, {}).items()
    }
    return origins if entity != "tags" else _united(origins, names_of_tags(libraries))


def names_of_tags(libraries: Mapping[int, Library]) -> dict[Node, str]:
    """The name of each tag, without upper case."""
    return {
        (instance_id, identifier): name.casefold()
        for instance_id, library in libraries.items()
        for identifier, name in library.tuples("SELECT id, name FROM tags")
    }


def evident_tags(libraries: Mapping[int, Library]) -> Callable[[Node, Node], bool]:
    """Whether there is evidence for two tags: the name."""
    names = names_of_tags(libraries)
    return lambda one, other: names[one] == names[other]


def _united(*partitions: Mapping[Node, Hashable]) -> dict[Node, Hashable]:
    """What is one in any of some partitions, also through others."""
    least: dict[Node, Node] = {node: node for node in partitions[0]}
    changed = True
    while changed:
        changed = False
        for partition in partitions:
            groups: dict[Hashable, list[Node]] = defaultdict(list)
            for node, identity in partition.items():
                groups[identity].append(node)
            for nodes in groups.values():
                first = min(least[node] for node in nodes)
                changed = changed or any(least[node] != first for node in nodes)
                least.update(dict.fromkeys(nodes, first))
    return dict(least)
