"""The views derived from the entity specification; ``make migration`` writes the migrations that change them.

The views ``stash.stash_*``, whose columns other applications depend on, are in the migrations only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stash_pipeline.stash.entities import BY_NAME, ENTITIES
from stash_pipeline.stash.fields import Count, Entity, Total
from stash_pipeline.warehouse.comments import view_column
from stash_pipeline.warehouse.entities.sql import RELATIONS, Relation
from stash_pipeline.warehouse.stashbox.missing import MISSING_COLUMNS, MISSING_QUERY


@dataclass(frozen=True)
class View:
    """A view: its qualified name, its query, its comment in the database, and its columns with their comments.

    A column without a comment here has that of ``comments.view_column``.
    """

    name: str
    query: str
    comment: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def described_columns(self) -> dict[str, str]:
        """The comment of each column."""
        return {name: text or view_column(self.name, name) or "" for name, text in self.columns.items()}

    def statements(self) -> list[str]:
        """The statements that create it."""
        result = [f"CREATE VIEW {self.name} AS\n{self.query}"]
        if self.comment:
            result.append(f"COMMENT ON VIEW {self.name} IS {_literal(self.comment)}")
        for name, text in self.described_columns().items():
            if text:
                result.append(f"COMMENT ON COLUMN {self.name}.{name} IS {_literal(text)}")
        return result


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def undescribed(*names: str) -> dict[str, str]:
    """Columns whose comments ``comments.view_column`` knows."""
    return dict.fromkeys(names, "")


# --- counts ---------------------------------------------------------------------------------------------
# A server computes them row by row (performers: 4.8 s per 1000).


def _relations(owner: str, target: str) -> list[Relation]:
    relations = [r for r in RELATIONS if r.owner == owner and r.target == target]
    if not relations:
        raise ValueError(f"{owner} do not refer to {target}, but the counts of {target} name them.")
    return relations


def _list_of(owner: str, target: str) -> Relation:
    lists = [relation for relation in _relations(owner, target) if relation.is_join]
    if len(lists) != 1:
        raise ValueError(f"{owner} need one list of {target} to count through; they have {len(lists)}.")
    return lists[0]


def _initial(entity: str) -> str:
    return BY_NAME[entity].singular[0]


def _from_one(owner: str, target: str, outer: str) -> str:
    """FROM and WHERE of the rows in which one entity refers to an object of another."""
    relations = _relations(owner, target)
    if len(relations) == 1:
        (relation,) = relations
        alias = "j" if relation.is_join else "x"
        return (
            f"FROM stash.{relation.table} {alias}\n"
            f"        WHERE {alias}.instance_id = {outer}.instance_id AND {alias}.{relation.column} = {outer}.id"
        )
    # an object that refers in several ways counts once
    alias = _initial(owner)
    conditions = [
        f"EXISTS (SELECT FROM stash.{r.table} j\n            WHERE j.instance_id = {outer}.instance_id"
        f" AND j.{r.column} = {outer}.id AND j.{r.owner_column} = {alias}.id)"
        if r.is_join
        else f"{alias}.{r.column} = {outer}.id"
        for r in sorted(relations, key=lambda r: r.is_join)
    ]
    return (
        f"FROM stash.{owner} {alias}\n        WHERE {alias}.instance_id = {outer}.instance_id\n"
        f"        AND ({' OR '.join(conditions)})"
    )


def _count_name(count: Count) -> str:
    return f"{BY_NAME[count.kind].singular}_count"


def _count(entity: Entity, count: Count, outer: str) -> str:
    if count.table:
        (owner_column,) = (entity.owner_column(joined) for _, joined in entity.joins if joined.table == count.table)
        alias = owner_column[0]
        source = (
            f"FROM stash.{count.table} {alias}\n"
            f"        WHERE {alias}.instance_id = {outer}.instance_id AND {alias}.{owner_column} = {outer}.id"
        )
        return f"(SELECT count(*) {source}) AS {count.name}"
    name = count.name or _count_name(count)
    if count.via:
        # both are lists of the entity named by `via`
        near, far = _list_of(count.via, entity.name), _list_of(count.via, count.kind)
        alias = _initial(count.kind)
        return (
            f"(SELECT count(DISTINCT {alias}.{far.column}) FROM stash.{near.table} j\n"
            f"        JOIN stash.{far.table} {alias} ON {alias}.instance_id = j.instance_id"
            f" AND {alias}.{far.owner_column} = j.{near.owner_column}\n"
            f"        WHERE j.instance_id = {outer}.instance_id AND j.{near.column} = {outer}.id) AS {name}"
        )
    return f"(SELECT count(*) {_from_one(count.kind, entity.name, outer)}) AS {name}"


def _total(entity: Entity, total: Total, outer: str) -> str:
    parts = []
    for kind in total.kinds:
        relations = _relations(kind, entity.name)
        relation = relations[0]
        if len(relations) > 1:
            alias, source = _initial(kind), _from_one(kind, entity.name, outer)
        elif relation.is_join:
            alias = _initial(kind)
            source = (
                f"FROM stash.{relation.table} j\n"
                f"        JOIN stash.{kind} {alias} ON {alias}.instance_id = j.instance_id"
                f" AND {alias}.id = j.{relation.owner_column}\n"
                f"        WHERE j.instance_id = {outer}.instance_id AND j.{relation.column} = {outer}.id"
            )
        else:
            alias, source = "x", _from_one(kind, entity.name, outer)
        parts.append(f"(SELECT coalesce(sum({alias}.{total.field}), 0) {source})")
    return "\n    + ".join(parts) + f" AS {total.field}"


def counts(entity: Entity) -> View:
    """The view that counts, per object of an entity, what refers to it.

    Raises:
        ValueError: if a count names an entity that does not refer to it.
    """
    outer = _initial(entity.name)
    columns = [f"{outer}.instance_id", f"{outer}.id AS {entity.singular}_id"]
    for item in entity.counts:
        columns.append(_count(entity, item, outer) if isinstance(item, Count) else _total(entity, item, outer))
    names = [item.field if isinstance(item, Total) else item.name or _count_name(item) for item in entity.counts]
    return View(
        f"stash.{entity.singular}_counts",
        "SELECT " + ",\n    ".join(columns) + f"\nFROM stash.{entity.name} {outer}",
        f"The counts that Stash shows of {entity.name}, derived from the references.",
        undescribed("instance_id", f"{entity.singular}_id", *names),
    )


# --- silent changes -------------------------------------------------------------------------------------

_SILENT_CHANGES = """SELECT was.instance_id, was.entity, was.id, was.recorded_at, was.run_id, was.revision,
    differing.fields
FROM (
    {branches}
) AS was
LEFT JOIN LATERAL (
    SELECT n.document FROM raw.history n
    WHERE n.instance_id = was.instance_id AND n.entity = was.entity AND n.id = was.id AND n.revision > was.revision
    ORDER BY n.revision LIMIT 1
) AS next ON TRUE
CROSS JOIN LATERAL (
    SELECT array_agg(name ORDER BY name) AS fields
    FROM (
        SELECT jsonb_object_keys(was.document)
        UNION SELECT jsonb_object_keys(coalesce(next.document, was.present))
    ) AS either (name)
    -- null and absent are one
    WHERE coalesce(was.document -> name, 'null') <> coalesce(coalesce(next.document, was.present) -> name, 'null')
) AS differing
WHERE was.change <> 'removed'
    AND was.document -> 'updated_at' = coalesce(next.document, was.present) -> 'updated_at'
    AND differing.fields IS NOT NULL"""


def _silent_changes() -> View:
    # one branch per entity: a filter on entity or instance_id prunes the others, and a filter on recorded_at uses the
    # index of raw.history
    branches = [
        f"SELECT h.*, d.document AS present FROM raw.history h JOIN raw.{entity.name} d USING (instance_id, id)\n"
        f"    WHERE h.entity = '{entity.name}'"
        for entity in ENTITIES
        if any(field.name == "updated_at" for field in entity.fields)
    ]
    return View(
        "raw.silent_changes",
        _SILENT_CHANGES.format(branches="\n    UNION ALL\n    ".join(branches)),
        "Objects that changed without a new updated_at, and the fields that changed.",
        undescribed("instance_id", "entity", "id", "recorded_at", "run_id", "revision", "fields"),
    )


COUNTS: tuple[View, ...] = tuple(counts(entity) for entity in ENTITIES if entity.counts)
"""The counts that Stash shows, derived from the references."""

MISSING: View = View(
    "stashbox.missing",
    MISSING_QUERY,
    "Scenes that boxes list for favorite performers and studios, and that no instance owns.",
    {name: comment for name, _, comment in MISSING_COLUMNS},
)

VIEWS: dict[str, View] = {view.name: view for view in (*COUNTS, _silent_changes(), MISSING)}
