"""Links: what the rules say of the candidates."""

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import orjson

from stash_pipeline.matching.compare import Scene
from stash_pipeline.matching.rules import evaluate
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.blocks import Pair
from stash_pipeline.warehouse.matches.features import Counts, Features, Node, Object, compare, with_counts
from stash_pipeline.warehouse.matches.nearness import FileNode

_LINES_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Link:
    """What two objects are to each other, see :func:`evaluate`; the evidence as JSON."""

    action: str
    confidence: float
    rule: str
    evidence: bytes


Links = dict[Pair, Link]


def prepared(obj: Object, counts: Counts, crowded_files: Set[FileNode]) -> Features:
    """The features of an object as its neighbours make them: without what many have, crowded hashes as weak ones."""
    features = with_counts(obj.features, counts)
    if not isinstance(features, Scene) or not obj.phashes:
        return features
    crowded = {phash.phash for phash in obj.phashes if (*obj.node, phash.file_id) in crowded_files}
    if not crowded:
        return features
    signed = {value % (1 << 64) for value in crowded}
    files = tuple(replace(file, weak=True) if file.phash in signed else file for file in features.files)
    return replace(features, files=files)


def link(entity: str, pairs: Iterable[tuple[Pair, Features, Features]]) -> Links:
    """Compares pairs of objects by their features, and applies the rules."""
    links: Links = {}
    for pair, left_features, right_features in pairs:
        decision = evaluate(entity, *compare(entity, left_features, right_features))
        if decision.rule is not None and decision.action != "nothing":
            evidence = orjson.dumps(decision.evidence, default=_plain, option=orjson.OPT_NON_STR_KEYS)
            links[pair] = Link(decision.action, decision.confidence, decision.rule, evidence)
    return links


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return dict(value)


def stored_links(connection: Connection, entity: str, nodes: Iterable[Node]) -> Links:
    """The stored links of some objects."""
    selected = sorted(nodes)
    rows = connection.execute(
        "WITH w AS MATERIALIZED (SELECT * FROM unnest(%(i)s::integer[], %(n)s::bigint[]) AS w(instance_id, id))\n"
        "SELECT l.left_instance_id, l.left_id, l.right_instance_id, l.right_id, l.action, l.confidence, l.rule,\n"
        "    l.evidence::text\n"
        "FROM w JOIN matches.links AS l\n"
        "    ON l.entity = %(e)s AND l.left_instance_id = w.instance_id AND l.left_id = w.id\n"
        "UNION\n"
        "SELECT l.left_instance_id, l.left_id, l.right_instance_id, l.right_id, l.action, l.confidence, l.rule,\n"
        "    l.evidence::text\n"
        "FROM w JOIN matches.links AS l\n"
        "    ON l.entity = %(e)s AND l.right_instance_id = w.instance_id AND l.right_id = w.id",
        {"e": entity, "i": [node[0] for node in selected], "n": [node[1] for node in selected]},
    )
    return _links(rows)


def all_links(connection: Connection, entity: str) -> Links:
    """The stored links of all objects."""
    return _links(
        connection.execute(
            "SELECT left_instance_id, left_id, right_instance_id, right_id, action, confidence, rule, evidence::text\n"
            "FROM matches.links WHERE entity = %s",
            [entity],
        )
    )


def _links(rows: Iterable[tuple[Any, ...]]) -> Links:
    return {((row[0], row[1]), (row[2], row[3])): Link(row[4], row[5], row[6], row[7].encode()) for row in rows}


def write_links(connection: Connection, entity: str, links: Links) -> None:
    """Writes links of pairs that have none."""
    with connection.cursor().copy(
        "COPY matches.links (entity, left_instance_id, left_id, right_instance_id, right_id, action, confidence,\n"
        "    rule, evidence) FROM STDIN"
    ) as copy:
        # lines, because psycopg takes several times as long to write a row
        lines = (_line(entity, pair, link) for pair, link in links.items())
        while some := list(islice(lines, _LINES_AT_ONCE)):
            copy.write("".join(some))


def _line(entity: str, pair: Pair, link: Link) -> str:
    """A link as COPY reads it; JSON has none of the other characters that are written in another way."""
    (left_instance, left), (right_instance, right) = pair
    evidence = link.evidence.decode().replace("\\", "\\\\")
    return (
        f"{entity}\t{left_instance}\t{left}\t{right_instance}\t{right}\t"
        f"{link.action}\t{link.confidence!r}\t{link.rule}\t{evidence}\n"
    )


def remove_links(connection: Connection, entity: str, pairs: Iterable[Pair]) -> None:
    """Removes the links of some pairs."""
    listed = sorted(pairs)
    if not listed:
        return
    connection.execute(
        "DELETE FROM matches.links AS l\n"
        "USING unnest(%s::integer[], %s::bigint[], %s::integer[], %s::bigint[]) AS w(li, l, ri, r)\n"
        "WHERE l.entity = %s AND l.left_instance_id = w.li AND l.left_id = w.l\n"
        "  AND l.right_instance_id = w.ri AND l.right_id = w.r",
        [
            [left[0] for left, _ in listed],
            [left[1] for left, _ in listed],
            [right[0] for _, right in listed],
            [right[1] for _, right in listed],
            entity,
        ],
    )


def differing(before: Links, after: Links) -> tuple[set[Pair], Links]:
    """(pairs whose link is no more or another, links that are new or others)."""

    def canonical(link: Link) -> tuple[Any, ...]:
        return link.action, link.confidence, link.rule, orjson.loads(link.evidence)

    changed = {
        pair: link for pair, link in after.items() if pair not in before or canonical(before[pair]) != canonical(link)
    }
    return {pair for pair in before if pair not in after or pair in changed}, changed
