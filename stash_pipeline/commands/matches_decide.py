"""``stash-pipeline matches accept|reject|split|primary|withdraw|import``: decides, and lets the layers follow."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

from stash_pipeline.commands.decision_csv import read_rows, refuse_errors
from stash_pipeline.commands.following import let_layers_follow
from stash_pipeline.commands.matched_objects import CLUSTER_OF, InstanceNames, opened, refuse_missing, say
from stash_pipeline.commands.options import MatchedEntity
from stash_pipeline.commands.output import print_json, stderr
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings
from stash_pipeline.stashbox.endpoints import web_base
from stash_pipeline.warehouse.catalog.choices import check_field
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.deciding import Decided, NewDecision, decide
from stash_pipeline.warehouse.matches.deciding import withdraw as withdraw_decisions
from stash_pipeline.warehouse.matches.decisions import DIFFERENT, PRIMARY, SAME, VERDICTS, BoxRecord
from stash_pipeline.warehouse.matches.features import Node


def decide_pairs(
    entity: str, verdict: str, names: Sequence[str], note: str | None, dry_run: bool, as_json: bool
) -> int:
    """The commands ``accept`` (every pair of the objects) and ``reject`` (the first and each of the others)."""
    with opened() as (settings, connection, instances):
        sides = [instances.parse_any(name) for name in names]
        pairs = combinations(sides, 2) if verdict == SAME else ((sides[0], other) for other in sides[1:])
        if all(isinstance(side, BoxRecord) for side in sides):
            raise UserError(_NO_OBJECT)
        new = [
            _on_pair(entity, verdict, *pair, note)
            for pair in pairs
            # what is the same as one object on two boxes needs no decision of its own
            if verdict != SAME or not all(isinstance(side, BoxRecord) for side in pair)
        ]
        return _decide(settings, connection, instances, new, dry_run, as_json)


_NO_OBJECT: Final = "Name an object of an instance, too: two scenes of stash-boxes are not decided on."


def _on_pair(
    entity: str, verdict: str, left: Node | BoxRecord, right: Node | BoxRecord, note: str | None
) -> NewDecision:
    """A decision on two objects, or an object and a record of a box, in any order.

    Raises:
        UserError: if no such decision is possible.
    """
    if isinstance(left, BoxRecord):
        left, right = right, left
    if isinstance(left, BoxRecord):
        raise UserError(_NO_OBJECT)
    if not isinstance(right, BoxRecord):
        return NewDecision(entity, verdict, left, right, note=note)
    if entity != "scenes":
        raise UserError(f"Only scenes are decided on for stash-boxes, and not {entity}.")
    return NewDecision(entity, verdict, left, box=right, note=note)


def _refuse_mistyped(connection: Connection, instances: InstanceNames, new: Sequence[NewDecision]) -> None:
    """Refuses ids that no box can have: what is written is asked about for ever."""
    for record in dict.fromkeys(decision.box for decision in new if decision.box is not None):
        box = instances.box(record)
        if box is None or instances.is_uuid(record):
            continue
        row = connection.execute(
            "SELECT FROM stashbox.scenes WHERE endpoint_id = %s AND id = %s", [box.id, record.id]
        ).fetchone()
        if row is None:
            raise UserError(
                f"{instances.write_record(record)} is not the id of a scene; copy the UUID, or the address, of its web "
                f"page at {web_base(box.url)}scenes."
            )


def decide_primary(
    entity: str, name: str, fields: Sequence[str], note: str | None, dry_run: bool, as_json: bool
) -> int:
    """The command ``primary``."""
    with opened() as (settings, connection, instances):
        node = instances.parse(name)
        for field in fields:
            check_field(entity, field)
        new = [NewDecision(entity, PRIMARY, node, field=field, note=note) for field in (*fields,) or (None,)]
        return _decide(settings, connection, instances, new, dry_run, as_json)


def split(entity: str, names: Sequence[str], note: str | None, dry_run: bool, as_json: bool) -> int:
    """The command ``split``.

    Raises:
        UserError: if the objects are not part of one cluster that has others.
    """
    with opened() as (settings, connection, instances):
        chosen = [instances.parse(name) for name in dict.fromkeys(names)]
        rows = connection.execute(
            CLUSTER_OF, {"entity": entity, "instance": chosen[0][0], "id": chosen[0][1]}
        ).fetchall()
        if not rows:
            refuse_missing(connection, entity, chosen[0], instances)
        members = [(row[1], row[2]) for row in rows]
        for node in chosen:
            if node not in members:
                raise UserError(f"{instances.write(node)} is not in the cluster of {instances.write(chosen[0])}.")
        rest = [node for node in members if node not in chosen]
        if not rest:
            raise UserError(
                f"The cluster has no other object than {', '.join(map(instances.write, chosen))}; there is nothing to "
                "separate."
            )
        new = [NewDecision(entity, DIFFERENT, node, other, note=note) for node in chosen for other in rest]
        return _decide(settings, connection, instances, new, dry_run, as_json)


def withdraw(numbers: Sequence[int], as_json: bool) -> int:
    """The command ``withdraw``."""
    with opened() as (settings, connection, _):
        withdrawn = withdraw_decisions(connection, numbers)
        error = let_layers_follow(settings, "stash-pipeline matches") if withdrawn else None
    if as_json:
        print_json({"withdrawn": withdrawn, "error": error})
    elif withdrawn:
        say(f"Withdrawn: {', '.join(map(str, withdrawn))}.")
    else:
        say("These decisions had been withdrawn before.")
    return _exit_code(error)


def import_csv(path: Path, dry_run: bool, as_json: bool) -> int:
    """The command ``import``.

    Raises:
        UserError: if the file has errors; nothing is decided then.
    """
    rows = read_rows(path)
    with opened() as (settings, connection, instances):
        new: list[NewDecision] = []
        errors: list[tuple[int, str]] = []
        for row in rows:
            try:
                if row.entity not in MatchedEntity.__members__:
                    raise UserError(
                        f"there is no entity {row.entity!r}; choose one of {', '.join(MatchedEntity.__members__)}."
                    )
                if row.decision not in VERDICTS:
                    raise UserError(f"{row.decision!r} is not a decision; choose one of {', '.join(VERDICTS)}.")
                if row.decision != PRIMARY:
                    sides = instances.parse_any(row.left), instances.parse_any(row.right)
                    decision = _on_pair(row.entity, row.decision, *sides, row.note)
                    _refuse_mistyped(connection, instances, [decision])
                else:
                    if row.field:
                        check_field(row.entity, row.field)
                    left = instances.parse(row.left)
                    decision = NewDecision(row.entity, PRIMARY, left, field=row.field, note=row.note)
                new.append(decision)
            except UserError as error:
                errors.append((row.line, str(error)))
        refuse_errors(path, errors)
        if not new and not as_json:
            say(f"{path} has no row with a decision.")
            return 0
        return _decide(settings, connection, instances, new, dry_run, as_json)


def _decide(
    settings: Settings,
    connection: Connection,
    instances: InstanceNames,
    new: Sequence[NewDecision],
    dry_run: bool,
    as_json: bool,
) -> int:
    from psycopg import Rollback

    _refuse_mistyped(connection, instances, new)
    with connection.transaction():
        decided = decide(connection, new)
        if dry_run:
            raise Rollback
    error = None if dry_run or not decided.written else let_layers_follow(settings, "stash-pipeline matches")
    if as_json:
        written = len(decided.written) if dry_run else decided.written
        print_json(
            {"dry_run": dry_run, "written": written, "replaced": decided.replaced, "unchanged": decided.unchanged,
             "error": error}
        )  # fmt: skip
    else:
        say(_decided_sentence(decided, dry_run))
    return _exit_code(error)


def _decided_sentence(decided: Decided, dry_run: bool) -> str:
    parts = [f"{len(decided.written):,} {'decision' if len(decided.written) == 1 else 'decisions'}"]
    if dry_run:
        sentence = f"Would write {parts[0]}"
    else:
        numbers = ", ".join(map(str, decided.written[:10])) + (", …" if len(decided.written) > 10 else "")
        sentence = f"Wrote {parts[0]}" + (f" ({numbers})" if numbers else "")
    if decided.replaced:
        sentence += f", in place of {', '.join(map(str, decided.replaced))}"
    if decided.unchanged:
        sentence += f"; {decided.unchanged:,} had been decided before"
    return sentence + "."


def _exit_code(error: str | None) -> int:
    if error is None:
        return 0
    stderr.print(
        f"The decision is stored, and the layers do not follow it yet: {error} The next run applies it.",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    return 1
