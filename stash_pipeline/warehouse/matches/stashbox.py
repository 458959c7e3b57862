"""``matches.stashbox_candidates``: what the scenes that a stash-box returned are to local scenes.

The rows of a scene depend on its features, on the answers about its hashes, on the documents of the scenes in them,
and on what people decided. A pair that was decided has a row, also if the box did not return that scene. Whatever
changes one of those logs the scene (``warehouse/stashbox/touched.py``, the object log), so following makes the rows of
the logged scenes anew, and a rebuild those of all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from stash_pipeline.matching.compare import Scene
from stash_pipeline.matching.stashbox import BoxScene, candidates, without_document
from stash_pipeline.matching.stashbox_documents import parse_scene
from stash_pipeline.matching.stashbox_rules import rules_digest
from stash_pipeline.stashbox.endpoints import same_endpoint_sql
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.matches.box_decisions import Decided, read_decided
from stash_pipeline.warehouse.matches.features import Node, Roots, load_objects
from stash_pipeline.warehouse.matches.tables import STASHBOX_CANDIDATES
from stash_pipeline.warehouse.stashbox.hashes import scene_hashes

_SCENES: Final = "pg_temp.candidate_scenes"
_AT_ONCE: Final = 5_000

_ANSWERS: Final = f"""
WITH hashes AS ({scene_hashes(_SCENES)}
)
SELECT h.instance_id, h.scene_id, l.endpoint_id, l.scene_ids
FROM hashes AS h
CROSS JOIN ops.stashbox_endpoints AS e
JOIN stashbox.lookups AS l ON l.endpoint_id = e.id AND l.fingerprints = h.fingerprints
WHERE l.scene_ids <> '{{}}'"""

_DOCUMENTS: Final = """
SELECT d.endpoint_id, d.id, d.status, CASE WHEN d.status = 'active' THEN d.document END
FROM unnest(%s::integer[], %s::text[]) AS w(endpoint_id, id)
JOIN stashbox.scenes AS d USING (endpoint_id, id)
-- what was missing once, and was never seen, is as unknown as what was never asked about
WHERE d.document IS NOT NULL OR d.status <> 'active'"""

_LINKED: Final = f"""
SELECT w.instance_id, w.id, e.id, coalesce(d.successor_id, lower(x.stash_id))
FROM {_SCENES} AS w
JOIN stash.scene_stash_ids AS x ON x.instance_id = w.instance_id AND x.scene_id = w.id
JOIN ops.stashbox_endpoints AS e ON {same_endpoint_sql("x.endpoint", "e.url")}
LEFT JOIN stashbox.scenes AS d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)"""

VERSION: Final = digest(["2", rules_digest(), _ANSWERS, _DOCUMENTS, _LINKED])

_COLUMNS: Final = tuple(column.name for column in STASHBOX_CANDIDATES.columns)

Row = tuple[Any, ...]


def follow(
    connection: Connection, roots: Roots, scenes: Iterable[Node], sides: Mapping[int, Node]
) -> tuple[TableChange, set[Node]]:
    """Makes the candidates of some scenes anew; of those that are gone, none remain.

    Args:
        sides: the scenes that decisions are on, by the numbers of the decisions.

    Returns:
        what changed, and the scenes whose candidates changed, or count as something else.
    """
    change, rematched = TableChange(), set[Node]()
    decided = read_decided(connection, sides)
    for nodes in _parts(sorted(set(scenes))):
        rematched |= _update(connection, roots, nodes, decided, change)
    return _counted(connection, change), rematched


def rebuild(connection: Connection, roots: Roots, sides: Mapping[int, Node]) -> TableChange:
    """Makes the candidates of all scenes anew."""
    change = TableChange()
    decided = read_decided(connection, sides)
    if _is_unused(connection):
        return change
    rows = connection.execute(
        "SELECT instance_id, id FROM stash.scenes UNION SELECT instance_id, scene_id FROM matches.stashbox_candidates\n"
        "ORDER BY 1, 2"
    ).fetchall()
    for nodes in _parts([(row[0], row[1]) for row in rows]):
        _update(connection, roots, nodes, decided, change)
    return _counted(connection, change)


def _is_unused(connection: Connection) -> bool:
    """Whether no box was ever asked, and nothing decided about one, as in most libraries."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM stashbox.lookups) OR EXISTS (SELECT FROM matches.stashbox_candidates)\n"
        "    OR EXISTS (SELECT FROM matches.decisions WHERE stashbox_id IS NOT NULL)"
    ).fetchone()
    return not (row and row[0])


def _counted(connection: Connection, change: TableChange) -> TableChange:
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE action IN ('automatic', 'accepted')),\n"
        "    count(*) FILTER (WHERE action = 'review') FROM matches.stashbox_candidates"
    ).fetchone()
    assert row is not None
    change.rows = row[0]
    change.details = {"matched": row[1], "to_review": row[2]}
    return change


def _parts(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    for start in range(0, len(nodes), _AT_ONCE):
        yield nodes[start : start + _AT_ONCE]


def _update(
    connection: Connection, roots: Roots, nodes: Sequence[Node], decided: Decided, change: TableChange
) -> set[Node]:
    if not nodes or _is_unused(connection):
        return set()
    connection.execute(f"DROP TABLE IF EXISTS {_SCENES}")
    connection.execute("CREATE TEMP TABLE candidate_scenes (instance_id integer, id bigint) ON COMMIT DROP")
    with connection.cursor().copy("COPY candidate_scenes FROM STDIN") as copy:
        for node in nodes:
            copy.write_row(node)
    connection.execute(f"ANALYZE {_SCENES}")
    answers: dict[Node, dict[int, list[str]]] = defaultdict(dict)
    for instance_id, identifier, endpoint_id, ids in connection.execute(_ANSWERS):
        answers[instance_id, identifier][endpoint_id] = ids
    for node in nodes:
        for endpoint_id in decided.get(node, ()):
            answers[node].setdefault(endpoint_id, [])
    made = set(_rows(connection, roots, answers, decided)) if answers else set()
    stored = set(
        connection.execute(
            f"SELECT {', '.join(f'c.{name}' for name in _COLUMNS[:-1])}, c.evidence::text\n"
            f"FROM {_SCENES} AS w JOIN matches.stashbox_candidates AS c ON c.instance_id = w.instance_id\n"
            "    AND c.scene_id = w.id"
        ).fetchall()
    )
    stored = _canonical(stored)
    _write(connection, stored, made, change)
    return {(row[1], row[2]) for row in _actions(stored) ^ _actions(made)}


def _actions(rows: Iterable[Row]) -> set[Row]:
    """The keys of candidates, and what they count as."""
    return {row[:5] for row in rows}


def _canonical(rows: Iterable[Row]) -> set[Row]:
    """Rows with their evidence as it would be made: Postgres orders the keys in another way."""
    return {(*row[:-1], _json(orjson.loads(row[-1]))) for row in rows}


def _json(value: Any) -> str:
    # dates are tuples with names, which orjson does not write by itself
    return orjson.dumps(value, default=list, option=orjson.OPT_SORT_KEYS).decode()


def _rows(
    connection: Connection, roots: Roots, answers: Mapping[Node, Mapping[int, Sequence[str]]], decided: Decided
) -> Iterator[Row]:
    decisions = {
        (node, endpoint): decided.get(node, {}).get(endpoint, {}) for node in answers for endpoint in answers[node]
    }
    records = sorted(
        {(endpoint, key) for by_endpoint in answers.values() for endpoint, ids in by_endpoint.items() for key in ids}
        | {(endpoint, key) for (_, endpoint), keys in decisions.items() for key in keys}
    )
    boxes: dict[tuple[int, str], BoxScene] = {}
    statuses: dict[tuple[int, str], str] = {}
    for endpoint_id, key, status, document in connection.execute(
        _DOCUMENTS, [[record[0] for record in records], [record[1] for record in records]]
    ):
        statuses[endpoint_id, key] = status
        if document is not None:
            boxes[endpoint_id, key] = parse_scene({**document, "id": key})
    linked: dict[tuple[Node, int], set[str]] = defaultdict(set)
    for instance_id, identifier, endpoint_id, key in connection.execute(_LINKED):
        linked[(instance_id, identifier), endpoint_id].add(key)
    for scene in load_objects(connection, "scenes", roots, answers):
        assert isinstance(scene.features, Scene)
        for endpoint_id, ids in answers[scene.node].items():
            by_people = decisions[scene.node, endpoint_id]
            verdicts = {key: decision.accepted for key, decision in by_people.items()}
            keys = sorted({*ids, *by_people})
            live = [boxes[endpoint_id, key] for key in keys if (endpoint_id, key) in boxes]
            outcomes = candidates(scene.features, live, linked[scene.node, endpoint_id], verdicts, hits=len(ids))
            # boxes return deleted scenes for a while; the row is needed to find this scene if it returns
            outcomes += [
                without_document(key, statuses.get((endpoint_id, key), "unknown"), verdicts.get(key))
                for key in keys
                if (endpoint_id, key) not in boxes
            ]
            for candidate in outcomes:
                evidence = dict(candidate.evidence)
                if candidate.id in by_people:
                    evidence["decision"] = by_people[candidate.id].number
                yield (
                    endpoint_id,
                    *scene.node,
                    candidate.id,
                    candidate.action,
                    candidate.confidence,
                    candidate.rule,
                    _json(evidence),
                )


def _write(connection: Connection, stored: set[Row], made: set[Row], change: TableChange) -> None:
    keys, old_keys = {row[:4] for row in made}, {row[:4] for row in stored}
    changed = made - stored
    change.removed += len(old_keys - keys)
    change.inserted += len(keys - old_keys)
    change.updated += len({row[:4] for row in changed} & old_keys)
    outdated = sorted(row[:4] for row in stored - made)
    if outdated:
        connection.execute(
            "DELETE FROM matches.stashbox_candidates AS c\n"
            "USING unnest(%s::integer[], %s::integer[], %s::bigint[], %s::text[])\n"
            f"    AS w({', '.join(_COLUMNS[:4])})\n"
            f"WHERE {' AND '.join(f'c.{name} = w.{name}' for name in _COLUMNS[:4])}",
            [[row[position] for row in outdated] for position in range(4)],
        )
    if changed:
        with connection.cursor().copy(f"COPY matches.stashbox_candidates ({', '.join(_COLUMNS)}) FROM STDIN") as copy:
            for row in sorted(changed, key=lambda row: row[:4]):
                copy.write_row(row)
