"""What the migrations make, and what the registry says, is compared and written down as the next migration."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine

from stash_pipeline.errors import UserError
from stash_pipeline.settings import sqlalchemy_url
from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.stash.fields import Count
from stash_pipeline.warehouse import new_migration, views
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.migrate import newest_revision
from stash_pipeline.warehouse.new_migration import Script, compare_with_registry, write_migration


def compared(url: str) -> tuple[Script, Script]:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        found = compare_with_registry(connection)
    engine.dispose()
    return found


def run(url: str, statements: Script) -> None:
    with connect(url) as connection, connection.transaction():
        for statement in statements:
            connection.execute(statement)


def test_the_migrations_create_the_registered_schema(database_url: str) -> None:
    assert compared(database_url) == ([], [])


# in the order of what depends on what; each leaves the others alone
LACKING = [
    # views that show columns which go
    "DROP VIEW catalog.conflicts, catalog.by_instance",
    "DROP VIEW stash.scenes_full, stash.watch_statistics, stash.recent_changes",
    # columns with an index, and of a partial date; a reference
    "ALTER TABLE stash.files DROP COLUMN basename",
    "ALTER TABLE stash.performers DROP COLUMN birthdate, DROP COLUMN birthdate_text, DROP COLUMN birthdate_precision",
    "ALTER TABLE stash.images DROP COLUMN studio_id CASCADE",
    # a join table; the raw table of a kind; an index; another type; a comment
    "DROP TABLE stash.scene_captions",
    "DROP TABLE raw.saved_filters",
    "DROP INDEX stash.files_height_width_idx",
    "ALTER TABLE stash.scenes ALTER COLUMN director TYPE varchar(10)",
    "COMMENT ON COLUMN stash.scenes.id IS 'something else, with 100 % and one '' quote'",
    # a condition that a table lacks, one that is another, and one that is no more
    "ALTER TABLE matches.decisions DROP CONSTRAINT decisions_stashbox_check",
    "ALTER TABLE matches.decisions DROP CONSTRAINT decisions_right_check",
    "ALTER TABLE matches.decisions ADD CONSTRAINT decisions_right_check CHECK (verdict <> '100 %' OR right_id > 0)",
    "ALTER TABLE matches.links ADD CONSTRAINT links_rule_check CHECK (rule <> '')",
    # a view; a view of a layer; a view with another column; a view of a kind that has no counts
    "DROP VIEW raw.silent_changes",
    "COMMENT ON COLUMN stash.studio_tree.path IS NULL",
    "COMMENT ON COLUMN stash.studio_tree.depth IS 'something else, with 100 % and one '' quote'",
    "DROP VIEW catalog.provenance",
    "DROP VIEW stash.gallery_counts",
    "CREATE VIEW stash.gallery_counts AS SELECT instance_id, id AS gallery_id FROM stash.galleries",
    "CREATE VIEW stash.image_counts AS SELECT 1 AS one",
]

A_TYPE_THAT_A_VIEW_SHOWS = [
    "DROP VIEW stash.performer_counts, stash.studio_counts, catalog.conflicts, catalog.by_instance",
    "ALTER TABLE stash.images ALTER COLUMN o_counter TYPE bigint",
    "CREATE VIEW stash.studio_counts AS SELECT sum(o_counter) AS o_counter FROM stash.images",
]


@pytest.mark.integration
@pytest.mark.parametrize("lacking", [LACKING, A_TYPE_THAT_A_VIEW_SHOWS], ids=["many", "a type that a view shows"])
def test_missing_changes_are_generated_with_a_downgrade(database_url: str, lacking: Script) -> None:
    run(database_url, lacking)
    forward, backward = compared(database_url)
    run(database_url, forward)
    assert compared(database_url) == ([], [])
    run(database_url, backward)
    assert compared(database_url)[0] == forward


def test_a_table_is_not_dropped_automatically(database_url: str) -> None:
    run(database_url, ["CREATE TABLE stash.weather (id bigint)"])
    with pytest.raises(UserError, match=r"no longer has stash\.weather; write the migration that drops it by hand"):
        compared(database_url)


@pytest.mark.parametrize(
    ("kind", "count", "wrong"),
    [
        ("galleries", Count("performers"), "performers do not refer to galleries"),
        ("galleries", Count("studios", via="scenes"), "scenes need one list of studios to count through; they have 0"),
    ],
)
def test_a_count_of_a_non_referring_entity_is_rejected(kind: str, count: Count, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        views.counts(replace(BY_NAME[kind], counts=(count,)))


@pytest.mark.parametrize("name", ["", "Scene-Weather", "downgrade", "../scenes", "a b"])
def test_an_invalid_migration_name_is_rejected(name: str) -> None:
    with pytest.raises(UserError, match="Name the migration after its purpose"):
        new_migration.new_migration(name)


def test_a_migration_follows_the_newest_one(tmp_path: Path) -> None:
    for folder in ("versions", "sql"):
        (tmp_path / folder).mkdir()
    paths = write_migration("scene_weather", ["SELECT 1", "SELECT 2"], ["SELECT 3"], tmp_path)
    number = f"{int(newest_revision()) + 1:04}"
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"versions/{number}_scene_weather.py",
        f"sql/{number}_scene_weather.sql",
        f"sql/{number}_downgrade.sql",
    ]
    assert f'down_revision = "{newest_revision()}"' in paths[0].read_text()
    assert paths[1].read_text() == "SELECT 1;\n\nSELECT 2;\n"
