"""Nothing is rewritten that did not change, and what vanished is in the feed."""

from stash_pipeline.warehouse.catalog.layer import CATALOG_LAYER
from stash_pipeline.warehouse.catalog.shapes import golden_lists
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.tables import STASH
from stash_pipeline_tests.catalog.working import Consumer, Servers, log


def test_the_first_build_leaves_all_indexes(servers: Servers, database_url: str) -> None:
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'catalog' ORDER BY 1"
    with connect(database_url) as connection:
        migrated = connection.execute(query).fetchall()
    assert servers.rows("SELECT count(*) > 0 FROM catalog.scenes") == [(True,)]
    assert servers.rows(query) == migrated


def test_nothing_is_written_where_nothing_changed(servers: Servers) -> None:
    before = servers.row_versions()
    assert not servers.follow().tables
    # objects that are listed again, and a rebuild
    servers.execute("UPDATE ops.object_log_head SET revision = revision + 1")
    servers.execute("UPDATE ops.object_log SET revision = (SELECT revision FROM ops.object_log_head)")
    followed = servers.follow()
    assert followed.tables and not any(change.changed for change in followed.tables.values())
    rebuilt = servers.follow(rebuild=True)
    assert rebuilt.objects is None and set(rebuilt.tables) == {table.name for table in CATALOG_LAYER.tables}
    assert not any(change.changed for change in rebuilt.tables.values())
    assert servers.row_versions() == before


def test_only_the_record_that_changed_is_written(servers: Servers) -> None:
    one, _ = servers.pairs("scenes")[0]
    before = servers.row_versions()
    servers.edit("scenes", one, title="Another title", updated_at="2030-01-01")
    followed = servers.follow()
    changed = {name: change for name, change in followed.tables.items() if change.changed}
    assert changed["catalog.scenes"].updated == 1 and set(changed) <= {"catalog.scenes", "catalog.sources"}
    after = servers.row_versions()
    differing = [name for name in after if after[name] != before[name]]
    assert set(differing) == set(changed)
    assert len(set(after["catalog.scenes"]) - set(before["catalog.scenes"])) == 1


def test_a_record_that_was_merged_leads_to_its_successor(servers: Servers) -> None:
    rows = servers.rows(
        "SELECT m.instance_id, m.id, r.id FROM catalog.scenes AS r JOIN catalog.members AS m ON m.canonical_id = r.id\n"
        "WHERE r.objects = 1 ORDER BY m.instance_id"
    )
    one, other = rows[0], rows[-1]
    assert one[0] != other[0]
    revision = servers.rows("SELECT max(revision) FROM catalog.changes")[0][0]
    servers.decide("scenes", "same", (one[0], one[1]), (other[0], other[1]))
    servers.follow()
    changes = servers.rows(
        "SELECT entity, id, vanished, successor_id FROM catalog.changes WHERE revision > %s AND entity = 'scenes'",
        [revision],
    )
    stays = servers.record_of("scenes", (one[0], one[1]))["id"]
    gone = other[2] if stays == one[2] else one[2]
    assert sorted(changes, key=lambda row: row[2]) == [("scenes", stays, False, None), ("scenes", gone, True, stays)]


def test_metadata_has_the_shares_of_rules_and_instances(servers: Servers) -> None:
    servers.execute("DELETE FROM catalog.sources")
    details = servers.follow(rebuild=True).tables["catalog.sources"].details
    of_instances = servers.rows(
        "SELECT 'instance: ' || i.name, count(*) FROM catalog.provenance AS p\n"
        "JOIN ops.instances AS i ON i.id = p.instance_id JOIN catalog.sources AS s ON s.id = p.id GROUP BY 1"
    )
    of_rules = servers.rows(
        "SELECT 'rule: ' || p.rule, count(*) FROM catalog.provenance AS p\n"
        "JOIN catalog.sources AS s ON s.id = p.id GROUP BY 1"
    )
    assert details == dict(of_instances) | dict(of_rules) and details["rule: agreed"] > 0


def test_checks_notice_what_is_wrong(servers: Servers) -> None:
    def failed() -> set[str]:
        with connect(servers.database_url) as connection:
            outcomes = {check.name: check.evaluate(connection) for check in CATALOG_LAYER.checks}
        return {name for name, outcome in outcomes.items() if not outcome or not outcome.passed}

    assert failed() == set()
    one, _ = servers.pairs("scenes")[0]
    record = servers.record_of("scenes", one)["id"]
    servers.execute("UPDATE catalog.scenes SET objects = 7 WHERE id = %s", [record])
    assert failed() == {"records_equal_clusters"}
    servers.follow(rebuild=True)
    servers.execute("DELETE FROM catalog.members WHERE canonical_id = %s", [record])
    assert failed() == {"every_object_is_reachable"}
    servers.follow(rebuild=True)
    servers.execute("DELETE FROM catalog.tags WHERE id IN (SELECT tag_id FROM catalog.scene_tags)")
    assert {"references_have_targets", "every_object_is_reachable", "records_equal_clusters"} == failed()
    servers.follow(rebuild=True)
    assert failed() == set() and servers.contents() == servers.rebuilt()


def test_objects_whose_cluster_changed_without_them_follow(servers: Servers) -> None:
    (first, second), (third, _) = servers.pairs("tags")[:2]
    servers.decide("tags", "same", second, third)
    servers.follow()
    together = servers.record_of("tags", third)
    assert together["id"] == servers.record_of("tags", first)["id"]
    # the log names one object, and others part
    with connect(servers.database_url) as connection, connection.transaction():
        connection.execute("UPDATE matches.decisions SET withdrawn_at = now()")
        log(connection, "tags", [second])
    servers.follow()
    assert servers.record_of("tags", third)["id"] != servers.record_of("tags", first)["id"]
    assert servers.contents() == servers.rebuilt()


def test_a_record_of_the_same_values_and_another_object_is_marked(servers: Servers) -> None:
    one, other = servers.rows(
        "SELECT m.instance_id, m.id, r.id FROM catalog.images AS r JOIN catalog.members AS m ON m.canonical_id = r.id\n"
        "WHERE r.objects = 1 ORDER BY 1, 2 LIMIT 2"
    )
    names = ", ".join(column.name for column in STASH["images"].columns if column.name not in ("instance_id", "id"))
    with connect(servers.database_url) as connection, connection.transaction():
        connection.execute(
            f"UPDATE stash.images SET ({names}) = (\n"
            f"    SELECT {names} FROM stash.images WHERE instance_id = %s AND id = %s\n"
            ") WHERE instance_id = %s AND id = %s",
            [*one[:2], *other[:2]],
        )
        for golden in golden_lists("images"):
            connection.execute(
                f"DELETE FROM stash.{golden.table} WHERE (instance_id, image_id) IN ((%s, %s), (%s, %s))",
                [*one[:2], *other[:2]],
            )
        log(connection, "images", [one[:2], other[:2]])
    servers.follow()
    consumer = Consumer(servers)
    consumer.read()
    # matches exchange them
    with connect(servers.database_url) as connection, connection.transaction():
        for (instance, identifier, _), record in ((one, other[2]), (other, one[2])):
            connection.execute(
                "UPDATE matches.members SET cluster_id = %s WHERE entity = 'images' AND instance_id = %s AND id = %s",
                [record, instance, identifier],
            )
        log(connection, "images", [one[:2], other[:2]])
        connection.execute("UPDATE ops.shared_layers SET revision = (SELECT revision FROM ops.object_log_head)\n"
                           "WHERE layer = 'matches'")  # fmt: skip
    servers.follow_catalog()
    consumer.read()
    assert servers.record_of("images", one[:2])["id"] == other[2] and consumer.copy == consumer.expected()
