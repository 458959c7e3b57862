"""The records of stash-boxes that take part in the survival of fields, as SQL per entity.

A record of the catalog is a record of a box if its members together are linked to that one alone
(``warehouse/stashbox/links.py``). Its values compete with those of the members; after :data:`BOXES` is made, everything
else treats it as one more object without an instance.
"""

from typing import Final

from stash_pipeline.warehouse.catalog.shapes import golden_fields
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS
from stash_pipeline.warehouse.stashbox.links import is_used, links_query, single_query
from stash_pipeline.warehouse.tables import partial_date_columns

BOXES: Final = "pg_temp.catalog_boxes"
"""The boxes of affected records of one entity: (canonical_id, endpoint_id, box_id, number), numbered per record."""

_BOXES: Final = """
CREATE TEMP TABLE catalog_boxes ON COMMIT DROP AS
WITH objects AS MATERIALIZED (
    SELECT m.canonical_id, m.instance_id, m.id {source}
), links AS MATERIALIZED ({links}
)
SELECT s.canonical_id, s.endpoint_id, s.box_id,
    (row_number() OVER (PARTITION BY s.canonical_id ORDER BY s.endpoint_id))::integer AS number
FROM ({single}
) AS s"""


def boxes_statement(entity: str, source: str) -> str:
    """Creates :data:`BOXES`.

    Args:
        source: FROM and WHERE of the members ``m``.
    """
    return _BOXES.format(
        source=source,
        links=links_query(entity, "objects", "o.canonical_id", feeding=True),
        single=single_query(entity, "links", "l.canonical_id"),
    )


def collect_boxes(connection: Connection, entity: str, source: str) -> bool:
    """Creates :data:`BOXES` if there can be any; returns whether there are."""
    if entity not in BOX_FIELDS:
        return False
    row = connection.execute(is_used(entity)).fetchone()
    if not (row and row[0]):
        return False
    made = connection.execute(boxes_statement(entity, source)).rowcount
    connection.execute(f"ANALYZE {BOXES}")
    return made > 0


def box_rows(entity: str, objects: str, first: str) -> str:
    """The rows of boxes, with the columns of the fields in their order.

    Args:
        objects: the table of the objects. first: the columns before those of the fields, over a box ``b`` and the
            number of objects ``n.objects``.
    """
    columns = []
    for field in golden_fields(entity):
        value = BOX_FIELDS[entity][field.name] if field.on_boxes else "NULL"
        if field.on_boxes and field.type == "partial_date":
            names = partial_date_columns(field.name)
            expressions = (f"stash.partial_date({value})", value, f"stash.date_precision({value})")
            columns += [f"{expression} AS {name}" for expression, name in zip(expressions, names, strict=True)]
        else:
            columns += [f"{value} AS {name}" for name in field.columns]
    listed = ",\n    ".join(columns)
    return (
        f"    SELECT {first},\n    {listed}\n    FROM {BOXES} AS b\n"
        f"    JOIN (SELECT canonical_id, count(*) AS objects FROM {objects} GROUP BY 1) AS n USING (canonical_id)\n"
        f"    JOIN stashbox.{entity} AS d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id"
    )
