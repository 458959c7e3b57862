"""Every table, view and column says in the database what it means."""

from sqlalchemy import Column, MetaData, Table, Text

from stash_pipeline.warehouse.comments import describe
from stash_pipeline.warehouse.connect import connect

_UNDESCRIBED = """
SELECT format('%I.%I', n.nspname, c.relname), a.attname::text
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum >= 0 AND NOT a.attisdropped
WHERE n.nspname IN ('ops', 'raw', 'stash', 'stashbox', 'matches', 'catalog', 'search')
    AND c.relkind IN ('r', 'p', 'v', 'm')
    AND coalesce(trim(col_description(c.oid, a.attnum)), '') IN ('', a.attname, replace(a.attname, '_', ' '))
UNION ALL
SELECT format('%I.%I', n.nspname, c.relname), NULL
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('ops', 'raw', 'stash', 'stashbox', 'matches', 'catalog', 'search')
    AND c.relkind IN ('r', 'p', 'v', 'm') AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''
ORDER BY 1, 2
"""


def test_every_table_view_and_column_has_a_comment(database_url: str) -> None:
    with connect(database_url) as connection:
        assert connection.execute(_UNDESCRIBED).fetchall() == []
        connection.execute("CREATE TABLE catalog.later (one integer)")
        assert connection.execute(_UNDESCRIBED).fetchall() == [("catalog.later", "one"), ("catalog.later", None)]


def test_a_new_field_gets_a_comment_by_itself() -> None:
    table = Table("scenes", MetaData(), Column("weather", Text), Column("title", Text), schema="stash")
    describe(table.metadata)
    assert table.c.weather.comment == "weather of Stash's type Scene, as the server sends it"
    assert (table.c.title.comment or "").startswith("title;")
