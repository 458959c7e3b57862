"""Two small shared layers: the names of tags of all instances, and how many names begin with each letter.

The first fails when a test has put a row into ``tag_names.troubles``; the second reads the first.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, PrimaryKeyConstraint, Table, Text

from stash_pipeline.layers import Layers
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.entities.layer import STASH_LAYER
from stash_pipeline.warehouse.layers.layer import CheckOutcome, LayerCheck, LayerTable, Origin, SharedLayer, TableChange
from stash_pipeline.warehouse.ops.object_log import CHANGED_OBJECTS, INSTANCES

_METADATA = MetaData()

MEMBERS = Table(
    "members",
    _METADATA,
    Column("instance_id", Integer, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    PrimaryKeyConstraint("instance_id", "id"),
    schema="tag_names",
    comment="Every tag of every instance.",
)
NAMES = Table(
    "names",
    _METADATA,
    Column("name", Text, primary_key=True),
    Column("tags", BigInteger, nullable=False),
    schema="tag_names",
    comment="Every name of a tag, once.",
)
LETTERS = Table(
    "letters",
    _METADATA,
    Column("letter", Text, primary_key=True),
    Column("names", BigInteger, nullable=False),
    schema="letters",
    comment="How many names begin with each letter.",
)

_SCHEMA = """
CREATE SCHEMA tag_names;
CREATE TABLE tag_names.members (instance_id integer, id bigint, name text NOT NULL, PRIMARY KEY (instance_id, id));
CREATE TABLE tag_names.names (name text PRIMARY KEY, tags bigint NOT NULL);
CREATE TABLE tag_names.troubles (message text NOT NULL);
CREATE SCHEMA letters;
CREATE TABLE letters.letters (letter text PRIMARY KEY, names bigint NOT NULL);
"""

_CHANGED = f"SELECT c.instance_id, c.id FROM {CHANGED_OBJECTS} AS c WHERE c.entity = 'tags'"
_REMOVED = (
    f"SELECT c.id FROM {CHANGED_OBJECTS} AS c WHERE c.entity = '{INSTANCES}'\n"
    "AND NOT EXISTS (SELECT FROM ops.instances AS i WHERE i.id = c.id)"
)


def create_tables(connection: Connection) -> None:
    """Creates the schemas of both layers."""
    connection.execute(_SCHEMA)


def fail_with(connection: Connection, message: str | None) -> None:
    """Makes the first layer fail from now on; None stops that."""
    connection.execute("DELETE FROM tag_names.troubles")
    if message is not None:
        connection.execute("INSERT INTO tag_names.troubles VALUES (%s)", [message])


def _raise_trouble(connection: Connection) -> None:
    row = connection.execute("SELECT message FROM tag_names.troubles").fetchone()
    if row is not None:
        raise RuntimeError(row[0])


def _count(connection: Connection, table: Table) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table.fullname}").fetchone()
    assert row is not None
    return int(row[0])


def follow_names(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Applies the changed tags, and counts their old and new names."""
    connection.execute("CREATE TEMP TABLE touched_names (name text) ON COMMIT DROP")
    members, names = TableChange(), TableChange()
    gone = connection.execute(
        f"WITH gone AS (DELETE FROM tag_names.members WHERE (instance_id, id) IN ({_CHANGED})\n"
        f"    OR instance_id IN ({_REMOVED}) RETURNING name)\n"
        "INSERT INTO touched_names SELECT name FROM gone"
    ).rowcount
    written = connection.execute(
        "WITH written AS (INSERT INTO tag_names.members SELECT t.instance_id, t.id, t.name FROM stash.tags AS t\n"
        f"    WHERE (t.instance_id, t.id) IN ({_CHANGED}) RETURNING name)\n"
        "INSERT INTO touched_names SELECT name FROM written"
    ).rowcount
    # after its own writes, so that a failure has something to roll back
    _raise_trouble(connection)
    members.updated, members.inserted = min(gone, written), max(written - gone, 0)
    members.removed = max(gone - written, 0)
    members.rows = _count(connection, MEMBERS)
    names.removed = connection.execute(
        "DELETE FROM tag_names.names AS n WHERE name IN (SELECT name FROM touched_names)\n"
        "AND NOT EXISTS (SELECT FROM tag_names.members AS m WHERE m.name = n.name)"
    ).rowcount
    names.inserted = connection.execute(
        "INSERT INTO tag_names.names AS n SELECT name, count(*) FROM tag_names.members\n"
        "WHERE name IN (SELECT name FROM touched_names) GROUP BY name\n"
        "ON CONFLICT (name) DO UPDATE SET tags = excluded.tags WHERE n.tags <> excluded.tags"
    ).rowcount
    names.rows = _count(connection, NAMES)
    return {MEMBERS.fullname: members, NAMES.fullname: names}


def rebuild_names(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Rebuilds both tables."""
    connection.execute("DELETE FROM tag_names.members")
    connection.execute("DELETE FROM tag_names.names")
    members = connection.execute("INSERT INTO tag_names.members SELECT instance_id, id, name FROM stash.tags").rowcount
    _raise_trouble(connection)
    names = connection.execute(
        "INSERT INTO tag_names.names SELECT name, count(*) FROM tag_names.members GROUP BY name"
    ).rowcount
    return {
        MEMBERS.fullname: TableChange(rows=members, inserted=members),
        NAMES.fullname: TableChange(rows=names, inserted=names),
    }


def _follow_letters(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    wanted = "SELECT left(name, 1) AS letter, count(*) AS names FROM tag_names.names GROUP BY 1"
    removed = connection.execute(
        f"DELETE FROM letters.letters WHERE letter NOT IN (SELECT letter FROM ({wanted}) AS w)"
    ).rowcount
    written = connection.execute(
        f"INSERT INTO letters.letters AS l {wanted}\n"
        "ON CONFLICT (letter) DO UPDATE SET names = excluded.names WHERE l.names <> excluded.names"
    ).rowcount
    rows = _count(connection, LETTERS)
    return {LETTERS.fullname: TableChange(rows=rows, inserted=written, removed=removed)}


def _rebuild_letters(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    connection.execute("DELETE FROM letters.letters")
    return _follow_letters(connection, revision)


def _no_name_without_tags(connection: Connection) -> CheckOutcome:
    row = connection.execute("SELECT count(*) FROM tag_names.names WHERE tags < 1").fetchone()
    assert row is not None
    return CheckOutcome(row[0] == 0, {"names": row[0]})


TAG_NAMES = SharedLayer(
    name="tag_names",
    description="The names of tags of all instances.",
    tables=(
        LayerTable(
            MEMBERS,
            group="tag_names",
            description="Every tag of every instance.",
            upstream=("stash.tags",),
            version="1",
            origins={name: Origin((f"stash.tags.{name}",)) for name in ("instance_id", "id", "name")},
        ),
        LayerTable(
            NAMES,
            group="tag_names",
            description="Every name of a tag, once.",
            upstream=("tag_names.members",),
            version="1",
            origins={
                "name": Origin(("tag_names.members.name",)),
                "tags": Origin(("tag_names.members.instance_id", "tag_names.members.id")),
            },
        ),
    ),
    checks=(LayerCheck("names_have_tags", "tag_names.names", "Every name has a tag.", _no_name_without_tags),),
    version="1",
    follow=follow_names,
    rebuild=rebuild_names,
)

LETTERS_LAYER = SharedLayer(
    name="letters",
    description="How many names begin with each letter.",
    tables=(
        LayerTable(
            LETTERS,
            group="letters",
            description="How many names begin with each letter.",
            upstream=("tag_names.names",),
            version="1",
        ),
    ),
    version="1",
    follow=_follow_letters,
    rebuild=_rebuild_letters,
    after=("tag_names",),
)

SAMPLE: Layers = (STASH_LAYER, TAG_NAMES, LETTERS_LAYER)
"""A registry with both."""


def of_version(version: str) -> Layers:
    """The registry with another version of the first layer."""
    return (STASH_LAYER, replace(TAG_NAMES, version=version), LETTERS_LAYER)


def contents(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of both layers."""
    return {
        table.fullname: connection.execute(f"SELECT * FROM {table.fullname} ORDER BY 1, 2").fetchall()
        for table in (MEMBERS, NAMES, LETTERS)
    }


def expected(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The rows that both layers should have."""
    queries = {
        MEMBERS.fullname: "SELECT instance_id, id, name FROM stash.tags ORDER BY 1, 2",
        NAMES.fullname: "SELECT name, count(*) FROM stash.tags GROUP BY 1 ORDER BY 1, 2",
        LETTERS.fullname: "SELECT left(name, 1), count(DISTINCT name) FROM stash.tags GROUP BY 1 ORDER BY 1, 2",
    }
    return {name: connection.execute(query).fetchall() for name, query in queries.items()}
