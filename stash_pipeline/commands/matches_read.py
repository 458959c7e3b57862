"""``stash-pipeline matches list|show|decisions``: reads matches and decisions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from stash_pipeline.commands.box_candidates import describe_candidates, describe_open, print_candidates
from stash_pipeline.commands.csv_output import write_csv
from stash_pipeline.commands.decision_csv import COLUMNS
from stash_pipeline.commands.matched_objects import CLUSTER_OF, InstanceNames, opened, refuse_missing, say
from stash_pipeline.commands.output import print_json, stderr, table
from stash_pipeline.errors import UserError
from stash_pipeline.stashbox_registry import get_endpoint
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.box_queue import CandidateQueue, read_candidate_queue
from stash_pipeline.warehouse.matches.decisions import DIFFERENT, PRIMARY, SAME, Decision, list_decisions, resolve
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.queue import OpenPair, names_of, read_queue

_LISTED: Final = 20


def list_open(
    entities: Sequence[str], boxes: Sequence[str], limit: int | None, path: Path | None, as_json: bool
) -> None:
    """The command ``list``.

    Args:
        boxes: only scenes of these stash-boxes; empty: everything.

    Raises:
        UserError: if there is no such box, or nothing that both options select.
    """
    if boxes and "scenes" not in entities:
        raise UserError("--box lists scenes of stash-boxes; leave out --entity, or give --entity scenes.")
    with opened() as (_, connection, instances):
        endpoints = [get_endpoint(connection, name).id for name in boxes] or None
        most = limit or (None if as_json or path is not None else _LISTED)
        queue = read_queue(connection, () if boxes else entities, most)
        candidates = CandidateQueue([], 0)
        if "scenes" in entities:
            candidates = read_candidate_queue(connection, endpoints, most)
        registered = connection.execute("SELECT FROM ops.instances LIMIT 1").fetchone() is not None
        rows = _described(connection, instances, queue.pairs)
        rows += describe_open(connection, instances, candidates.candidates)
    rows = sorted(rows, key=lambda row: -row["worth"])[:most]
    total = queue.open + candidates.open
    if as_json:
        print_json({"open": total, "pairs": rows})
    elif path is not None:
        columns = (*COLUMNS, "left_name", "right_name", "rule", "confidence", "uses", "evidence", "refused", "url")
        write_csv(path, columns, rows)
        if str(path) != "-":
            stderr.print(
                f"Wrote {len(rows):,} pairs. Fill the column decision with same or different, then run "
                f"`stash-pipeline matches import {path} --dry-run`.",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
    else:
        shown = [
            [row["entity"], row["left"], row["left_name"], row["right"], row["right_name"],
             row["rule"].rpartition(":")[2], why_open(row), f"{row['confidence']:.4g}", row["uses"]]
            for row in rows
        ]  # fmt: skip
        if shown:
            headings = ["entity", "object", "name", "other", "name", "rule", "why not joined", "confidence", "uses"]
            table(None, headings, shown, numbers=2)
        if registered:
            say(_open_sentence(len(shown), total))
        else:
            say("No instance is registered; `stash-pipeline instances add` registers one.")


def why_open(row: dict[str, Any]) -> str:
    """Why the rule did not join the objects; nothing where it only proposes."""
    if refused := row["refused"]:
        return f"refused: {refused['reason']}"
    evidence = row["evidence"] or {}
    why = str(evidence.get("not_merged") or evidence.get("obstacle") or "")
    return "" if why == "a person decides" else why


def _open_sentence(shown: int, total: int) -> str:
    if not total:
        return "Nothing to decide."
    more = f" ({shown:,} shown)" if shown < total else ""
    return (
        f"{total:,} {'pair' if total == 1 else 'pairs'} to decide{more}: "
        "`stash-pipeline matches accept ENTITY OBJECT OTHER`, or reject."
    )


def _described(connection: Connection, instances: InstanceNames, pairs: Sequence[OpenPair]) -> list[dict[str, Any]]:
    names: dict[tuple[str, Node], str] = {}
    for entity in {pair.entity for pair in pairs}:
        nodes = {node for pair in pairs if pair.entity == entity for node in (pair.left, pair.right)}
        names.update({(entity, node): name for node, name in names_of(connection, entity, nodes).items()})
    return [
        {
            **asdict(pair),
            "left": instances.write(pair.left),
            "right": instances.write(pair.right),
            "left_name": names.get((pair.entity, pair.left), ""),
            "right_name": names.get((pair.entity, pair.right), ""),
            "confidence": round(pair.confidence, 4),
            "worth": round(pair.worth, 2),
            "box": None,
            "url": None,
        }
        for pair in pairs
    ]


_LINKS = """
SELECT left_instance_id, left_id, right_instance_id, right_id, action, rule, confidence, evidence, refused
FROM matches.links WHERE entity = %(entity)s
    AND (left_instance_id = %(instance)s AND left_id = %(id)s OR right_instance_id = %(instance)s AND right_id = %(id)s)
ORDER BY confidence DESC, 1, 2, 3, 4
"""


def show(entity: str, name: str, as_json: bool) -> None:
    """The command ``show``.

    Raises:
        UserError: if there is no such object.
    """
    with opened() as (_, connection, instances):
        node = instances.parse(name)
        parameters = {"entity": entity, "instance": node[0], "id": node[1]}
        members = connection.execute(CLUSTER_OF, parameters).fetchall()
        if not members:
            refuse_missing(connection, entity, node, instances)
        links = connection.execute(_LINKS, parameters).fetchall()
        nodes = [(row[1], row[2]) for row in members]
        others = [(row[0], row[1]) if (row[2], row[3]) == node else (row[2], row[3]) for row in links]
        names = names_of(connection, entity, {*nodes, *others})
        decisions = _decisions_on(connection, entity, node, instances)
        candidates = describe_candidates(connection, instances, node) if entity == "scenes" else []
    document: dict[str, Any] = {
        "cluster": str(members[0][0]),
        "members": [{"object": instances.write(member), "name": names.get(member, "")} for member in nodes],
        "links": [
            {"object": instances.write(other), "name": names.get(other, ""), "action": row[4], "rule": row[5],
             "confidence": row[6], "evidence": row[7], "refused": row[8]}
            for other, row in zip(others, links, strict=True)
        ],
        "candidates": candidates,
        "decisions": decisions,
    }  # fmt: skip
    if as_json:
        print_json(document)
        return
    # as a heading of a narrow table it would be broken
    say(f"cluster {document['cluster']}")
    table(
        None,
        ["object", "name"],
        [[member["object"], member["name"]] for member in document["members"]],
    )
    if links:
        rows = [
            [link["object"], link["name"], _outcome(link, decisions), link["rule"], f"{link['confidence']:.4f}",
             evidence_in_words(link["evidence"])]
            for link in document["links"]
        ]  # fmt: skip
        table("links", ["object", "name", "outcome", "rule", "confidence", "evidence"], rows)
    print_candidates(candidates)
    for decision in decisions:
        say(f"Decision {decision['number']}: {decision['sentence']}")


def _outcome(link: Mapping[str, Any], decisions: Sequence[Mapping[str, Any]]) -> str:
    for decision in decisions:
        if link["object"] in decision["pair"]:
            return f"{_VERDICT[decision['decision']]}, by decision {decision['number']}"
    if link["refused"]:
        return f"refused: {link['refused'].get('reason', '')}"
    return "linked" if link["action"] == "merge" else "for a person"


def evidence_in_words(evidence: Mapping[str, Any]) -> str:
    """What agrees and contradicts, and why a rule did not join, as a person reads it."""
    parts = []
    for key, word in (("agrees", "agree:"), ("contradicts", "contradict:")):
        if features := evidence.get(key):
            parts.append(
                f"{word} "
                + ", ".join(f"{name} ({_in_words(value)}{_UNITS.get(name, '')})" for name, value in features.items())
            )
    if confirmed := evidence.get("confirmed_by"):
        parts.append(f"confirmed by {', '.join(confirmed)}")
    if (reason := evidence.get("not_merged")) and reason != "a person decides":
        parts.append(f"not joined: {reason}")
    return "; ".join(parts)


_UNITS: Final = {"duration": " ms apart", "duration_difference": " ms", "distance": " bits"}


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(
            f"{name.replace('_', ' ')} {_in_words(detail)}{_UNITS.get(name, '')}" for name, detail in value.items()
        )
    if not isinstance(value, list):
        return "unknown" if value is None else str(value)
    first = value[0] if value else None
    if len(value) == 3 and isinstance(first, int):
        # a date, of which a part may be unknown
        return "-".join(f"{part:02}" for part in value if part is not None)
    return (" " if len(value) == 2 and str(first).startswith("http") else " / ").join(map(_in_words, value))


def _decisions_on(connection: Connection, entity: str, node: Node, instances: InstanceNames) -> list[dict[str, Any]]:
    resolved = {number: nodes for number, nodes in resolve(connection, entity).items() if node in nodes}
    return [
        {"number": decision.number, "decision": decision.verdict,
         "sentence": _sentence(decision, resolved[decision.number], instances),
         "pair": [instances.write(side) for side in resolved[decision.number] if side and decision.verdict != PRIMARY]}
        for decision in list_decisions(connection, entity)
        if decision.number in resolved
    ]  # fmt: skip


def _sentence(decision: Decision, nodes: tuple[Node, Node | None], instances: InstanceNames) -> str:
    left, right = nodes
    because = f" ({decision.note})" if decision.note else ""
    if decision.verdict == PRIMARY:
        return f"{instances.write(left)} is the source of {decision.field or 'every field'}{because}."
    other = instances.write(right) if right else instances.write_record(decision.box) if decision.box else "–"
    return f"{instances.write(left)} and {other} are {_VERDICT[decision.verdict]}{because}."


_VERDICT: Final = {SAME: "the same", DIFFERENT: "different"}


def list_decided(entities: Sequence[str], path: Path | None, as_json: bool) -> None:
    """The command ``decisions``."""
    with opened() as (_, connection, instances):
        uuids = dict(connection.execute("SELECT uuid, name FROM ops.instances").fetchall())
        rows: list[dict[str, Any]] = []
        for entity in entities:
            resolved = resolve(connection, entity)
            for decision in list_decisions(connection, entity):
                left, right = resolved.get(decision.number, (None, None))
                sides = [(left, decision.left), (right, decision.right)]
                named = [
                    instances.write(node)
                    if node
                    else f"{uuids.get(side.instance, side.instance)}:{side.id}"
                    if side
                    else ""
                    for node, side in sides
                ]
                if decision.box is not None:
                    named[1] = instances.write_record(decision.box)
                rows.append(
                    {"number": decision.number, "entity": entity, "left": named[0], "right": named[1],
                     "decision": decision.verdict, "field": decision.field or "", "note": decision.note or "",
                     "decided_at": decision.decided_at.isoformat(timespec="seconds") if decision.decided_at else "",
                     "live": left is not None and (decision.box is None or instances.box(decision.box) is not None)}
                )  # fmt: skip
    rows.sort(key=lambda row: row["number"])
    if as_json:
        print_json(rows)
    elif path is not None:
        write_csv(path, (*COLUMNS, "number", "decided_at", "live"), rows)
    else:
        columns = ["number", "entity", "left", "right", "decision", "field", "note"]
        if rows:
            shown = [[*(row[column] or None for column in columns), _moment(row["decided_at"])] for row in rows]
            table(None, [*columns, "decided"], shown)
        gone = sum(not row["live"] for row in rows)
        absent = f", {gone:,} of them on objects that do not exist now" if gone else ""
        noun = "decision" if len(rows) == 1 else "decisions"
        say(f"{len(rows):,} {noun}{absent}." if rows else "Nothing has been decided.")


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
