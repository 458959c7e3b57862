"""Reading a box: what is asked, how often, and what becomes of the answers."""

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.instances import edit_instance
from stash_pipeline.simulator.box.engine import BoxEngine
from stash_pipeline.simulator.box.releases import find_release
from stash_pipeline.stashbox.errors import StashBoxAuthError, StashBoxError
from stash_pipeline.stashbox_registry import edit_endpoint
from stash_pipeline.sync.stashbox import _LOCK_CLASS, BoxSchedule, read_box
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.stashbox.lookups import due_lookups
from stash_pipeline.warehouse.stashbox.touched import objects_of, publish_objects
from stash_pipeline_tests.stashbox.conftest import on_box
from stash_pipeline_tests.stashbox.working import ReadBox

LOOKUP = "findScenesBySceneFingerprints"


def test_every_file_is_asked_about_once(box: ReadBox) -> None:
    report = box.read()
    lookups = box.simulated.requests.of(LOOKUP)
    asked = report.tables["lookups"].asked
    assert sum(request.groups for request in lookups) == asked == report.tables["lookups"].due > 0
    assert all(request.groups <= 40 and request.phashes <= 64 for request in lookups)
    assert box.simulated.requests.mutations() == []
    again = box.read()
    assert box.simulated.requests.all() == [] and again.tables["lookups"].due == 0


def test_only_what_changed_is_asked_again(box: ReadBox) -> None:
    box.read()
    node = next(iter(box.files()))
    with connect(box.servers.database_url) as connection:
        connection.execute(
            "UPDATE stash.file_fingerprints AS p SET value = '1f2e3d4c5b6a7988' FROM stash.scene_files AS x\n"
            "WHERE x.instance_id = p.instance_id AND x.file_id = p.file_id AND p.type = 'oshash'\n"
            "  AND (x.instance_id, x.scene_id) = (%s, %s)",
            node,
        )
    report = box.read()
    assert report.tables["lookups"].asked == 1


@pytest.mark.parametrize("disabled", [False, True])
def test_a_server_that_is_kept_out_is_not_asked_about_and_follows_what_others_learn(
    box: ReadBox, disabled: bool
) -> None:
    home, away = box.servers.home.instance.id, box.servers.away.instance.id
    with connect(box.servers.database_url) as connection:
        questions = due_lookups(connection, box.endpoint.id, unmatched_before=box.now, matched_before=box.now)
        own = [one for one in questions if {node[0] for node in one.scenes} == {home}]
        common = next(one for one in questions if {node[0] for node in one.scenes} == {home, away} and one.oshashes)
        (scene, *_) = [
            box.add_scene_of(next(node for node in one.scenes if node in box.files())) for one in (common, *own[:3])
        ]
        box.read()
        box.servers.follow()
        if disabled:
            connection.execute("UPDATE ops.instances SET enabled = false WHERE id = %s", [home])
        else:
            edit_instance(connection, box.servers.home.instance.name, home=box.settings.home, use_stash_boxes=False)
        box.servers.follow()
        before = box.servers.contents()
        report = box.read(days=60)
        assert own and report.tables["lookups"].due == len(questions) - len(own)
        box.servers.follow()
        # what was learned before is kept
        assert box.servers.contents() == before == box.servers.rebuilt()
        box.box.destroy("scene", scene)
        box.read(days=60)
        box.servers.follow()
        assert box.servers.contents() == box.servers.rebuilt() != before


def test_ids_of_a_server_that_is_kept_out_are_not_asked_about(box: ReadBox) -> None:
    home, away = box.servers.home.instance.id, box.servers.away.instance.id
    performers = [box.box.add_performer(f"Performer {number}") for number in range(3)]
    with connect(box.servers.database_url) as connection:
        for instance, key in ((home, performers[0]), (home, performers[1]), (away, performers[1])):
            connection.execute(
                "INSERT INTO stash.performer_stash_ids (instance_id, performer_id, endpoint, stash_id)\n"
                "SELECT instance_id, min(id), %s, %s FROM stash.performers WHERE instance_id = %s GROUP BY 1",
                [box.endpoint.url, key, instance],
            )
        connection.execute("UPDATE ops.instances SET use_stash_boxes = false WHERE id = %s", [home])
        box.read()
        assert connection.execute("SELECT id FROM stashbox.performers").fetchall() == [(performers[1],)]
        connection.execute("UPDATE ops.instances SET use_stash_boxes = true WHERE id = %s", [home])
        box.read()
        assert connection.execute("SELECT count(*) FROM stashbox.performers").fetchone() == (2,)


def test_a_successor_is_read_as_long_as_somebody_links_what_was_merged_into_it(box: ReadBox) -> None:
    old, new = box.box.add_studio("One"), box.box.add_studio("Two")
    box.box.merge("studio", old, new)
    with connect(box.servers.database_url) as connection:
        connection.execute(
            "INSERT INTO stash.studio_stash_ids (instance_id, studio_id, endpoint, stash_id)\n"
            "SELECT instance_id, id, %s, %s FROM stash.studios ORDER BY 1, 2 LIMIT 1",
            [box.endpoint.url, old],
        )
        assert box.read().tables["studios"].asked == 2
        assert box.read(days=8).tables["studios"].asked == 2
        connection.execute("DELETE FROM stash.studio_stash_ids WHERE stash_id = %s", [old])
        assert box.read(days=8).tables["studios"].asked == 0


def test_a_scene_of_the_box_becomes_the_match_of_a_local_one(box: ReadBox) -> None:
    node = next(iter(box.files()))
    scene = box.add_scene_of(node)
    report = box.read()
    assert report.version == "v0.10.2"
    box.servers.follow()
    assert box.actions(node) == {scene: "automatic"}
    with connect(box.servers.database_url) as connection:
        row = connection.execute(
            "SELECT title, date_text, status FROM stashbox.scenes WHERE id = %s", [scene]
        ).fetchone()
    assert row == (f"Box scene of {node[0]}:{node[1]}", "2019-04", "active")


def test_scenes_that_come_while_a_box_is_read_get_its_answers(box: ReadBox) -> None:
    files = box.files()
    node = next(one for one, (_, phash, _) in files.items() if phash is not None)
    scene = box.add_scene_of(node)
    other = next(one for one, (_, phash, _) in files.items() if one[0] != node[0] and phash is not None)

    def get_the_same_file(_: str) -> None:
        with connect(box.servers.database_url) as connection, connection.transaction():
            connection.execute(
                "UPDATE stash.file_fingerprints AS p SET value = n.value, phash = n.phash\n"
                "FROM stash.scene_files AS x, stash.scene_files AS y, stash.file_fingerprints AS n\n"
                "WHERE (x.instance_id, x.scene_id) = (%s, %s) AND (y.instance_id, y.scene_id) = (%s, %s)\n"
                "  AND (p.instance_id, p.file_id) = (x.instance_id, x.file_id)\n"
                "  AND (n.instance_id, n.file_id) = (y.instance_id, y.file_id) AND n.type = p.type",
                [*other, *node],
            )
            publish_objects(connection, "scenes", [other])
        # before the box has answered
        box.servers.follow()

    with connect(box.servers.database_url) as connection, box.endpoint.client(box.settings) as client:
        endpoint = box.endpoint
        read_box(
            connection,
            client,
            endpoint.id,
            endpoint.name,
            requests_per_minute=endpoint.requests_per_minute,
            schedule=BoxSchedule(),
            say=get_the_same_file,
        )
    box.servers.follow()
    assert box.actions(node) == {scene: "automatic"} and scene in box.actions(other)
    assert box.servers.contents() == box.servers.rebuilt()


def test_a_fingerprint_that_is_moved_moves_the_match(box: ReadBox) -> None:
    node = next(iter(box.files()))
    oshash, phash, _ = box.files()[node]
    first = box.add_scene_of(node)
    box.read()
    box.servers.follow()
    second = box.box.add_scene("The right one")
    box.box.move("OSHASH", oshash, first, second)
    if phash is not None:
        box.box.move("PHASH", phash, first, second)
    box.read(days=31)
    box.servers.follow()
    assert box.actions(node) == {second: "automatic"}
    assert box.servers.contents() == box.servers.rebuilt()


def test_a_scene_that_the_box_deletes_is_a_match_no_longer(box: ReadBox) -> None:
    node = next(iter(box.files()))
    scene = box.add_scene_of(node)
    box.read()
    box.servers.follow()
    box.box.destroy("scene", scene)
    box.read(days=8)
    box.servers.follow()
    assert box.actions(node) == {scene: "reject"}
    with connect(box.servers.database_url) as connection:
        rows = connection.execute("SELECT status, title IS NULL FROM stashbox.scenes").fetchall()
    assert rows == [("deleted", False)]


@pytest.mark.parametrize("kind", ["scene", "performer", "studio", "tag"])
def test_what_a_server_links_to_is_followed_through_merges(box: ReadBox, kind: str) -> None:
    old, new = (
        (box.box.add_scene("One"), box.box.add_scene("Two"))
        if kind == "scene"
        else tuple(getattr(box.box, f"add_{kind}")(name) for name in ("One", "Two"))
    )
    with connect(box.servers.database_url) as connection:
        node = connection.execute(f"SELECT instance_id, id FROM stash.{kind}s ORDER BY 1, 2 LIMIT 1").fetchone()
        assert node is not None
        connection.execute(
            f"INSERT INTO stash.{kind}_stash_ids (instance_id, {kind}_id, endpoint, stash_id) VALUES (%s, %s, %s, %s)",
            [*node, box.endpoint.url.upper() + "/", old.upper()],
        )
        box.read()
        box.box.merge(kind, old, new)  # type: ignore[arg-type]
        report = box.read(days=8)
        rows = connection.execute(f"SELECT id, status, successor_id FROM stashbox.{kind}s").fetchall()
        assert sorted(rows) == sorted([(old, "merged", new), (new, "active", None)])
        # nothing is read twice
        assert report.tables[f"{kind}s"].asked == 2
        log = connection.execute(
            "SELECT max(revision) FROM ops.object_log WHERE entity = %s AND (instance_id, id) = (%s, %s)",
            [f"{kind}s", *node],
        ).fetchone()
        newest = connection.execute("SELECT revision FROM ops.object_log_head").fetchone()
        assert log == newest


@pytest.mark.parametrize("kind", ["scene", "performer", "studio", "tag"])
def test_objects_whose_ids_the_box_merges_become_candidates_of_each_other(box: ReadBox, kind: str) -> None:
    old, new = (getattr(box.box, f"add_{kind}")(name) for name in ("One", "Two"))
    with connect(box.servers.database_url) as connection:
        # two that nothing connects
        (home, away) = connection.execute(
            f"SELECT h.id, a.id FROM stash.{kind}s AS h, stash.{kind}s AS a\n"
            "WHERE h.instance_id = %(home)s AND a.instance_id = %(away)s AND NOT EXISTS (\n"
            f"    SELECT FROM matches.links AS l WHERE l.entity = '{kind}s'\n"
            "    AND (l.left_instance_id, l.left_id, l.right_instance_id, l.right_id)\n"
            "      = (h.instance_id, h.id, a.instance_id, a.id)) ORDER BY 1, 2 LIMIT 1",
            {"home": box.servers.home.instance.id, "away": box.servers.away.instance.id},
        ).fetchone() or (0, 0)
        for mirror, node, key in ((box.servers.home, home, old), (box.servers.away, away, new)):
            connection.execute(
                f"INSERT INTO stash.{kind}_stash_ids (instance_id, {kind}_id, endpoint, stash_id)\n"
                "VALUES (%s, %s, %s, %s)",
                [mirror.instance.id, node, box.endpoint.url, key],
            )
        evidence = (
            "SELECT evidence -> 'agrees' -> 'stash_id' FROM matches.links WHERE entity = %s\n"
            "AND (left_instance_id, left_id, right_instance_id, right_id) = (%s, %s, %s, %s)"
        )
        pair = [f"{kind}s", box.servers.home.instance.id, home, box.servers.away.instance.id, away]
        box.read()
        box.servers.follow()
        assert connection.execute(evidence, pair).fetchall() == []
        box.box.merge(kind, old, new)  # type: ignore[arg-type]
        box.read(days=8)
        box.servers.follow()
        (agreement,) = connection.execute(evidence, pair).fetchall()
    assert agreement == ([[box.endpoint.url, new]],)
    assert box.servers.contents() == box.servers.rebuilt()


def test_the_merges_of_many_records_take_one_request(box: ReadBox) -> None:
    names = [f"Tag {number}" for number in range(4)]
    ids = [box.box.add_tag(name) for name in names]
    with connect(box.servers.database_url) as connection:
        nodes = connection.execute("SELECT instance_id, id FROM stash.tags ORDER BY 1, 2 LIMIT 3").fetchall()
        for node, old in zip(nodes, ids[:3], strict=True):
            connection.execute(
                "INSERT INTO stash.tag_stash_ids (instance_id, tag_id, endpoint, stash_id) VALUES (%s, %s, %s, %s)",
                [*node, box.endpoint.url, old],
            )
        for old in ids[:3]:
            box.box.merge("tag", old, ids[3])
        box.read()
        rows = connection.execute("SELECT id, successor_id FROM stashbox.tags WHERE status = 'merged'").fetchall()
    assert sorted(rows) == sorted((old, ids[3]) for old in ids[:3])
    assert len(box.simulated.requests.of("queryEdits")) == 1


def revision_of(box: ReadBox, entity: str, node: tuple[int, int]) -> int:
    """When an object was last logged."""
    with connect(box.servers.database_url) as connection:
        row = connection.execute(
            "SELECT revision FROM ops.object_log WHERE entity = %s AND (instance_id, id) = (%s, %s)", [entity, *node]
        ).fetchone()
    return row[0] if row else 0


def test_a_record_whose_successor_was_merged_again_is_logged_once(box: ReadBox) -> None:
    first, second, third = (box.box.add_performer(name) for name in ("One", "Two", "Three"))
    with connect(box.servers.database_url) as connection:
        (node,) = connection.execute("SELECT instance_id, id FROM stash.performers ORDER BY 1, 2 LIMIT 1").fetchall()
        connection.execute(
            "INSERT INTO stash.performer_stash_ids (instance_id, performer_id, endpoint, stash_id)\n"
            "VALUES (%s, %s, %s, %s)",
            [*node, box.endpoint.url, first],
        )
    box.box.merge("performer", first, second)
    box.read()
    box.box.merge("performer", second, third)
    # as a box says it that does not shorten chains
    box.box.execute("UPDATE performer_redirects SET target_id = ? WHERE source_id = ?", (second, first))
    box.read(days=8)
    logged = revision_of(box, "performers", node)
    for _ in range(2):
        box.read(days=8)
        assert box.simulated.requests.of("findPerformer") != []
        assert revision_of(box, "performers", node) == logged
    with connect(box.servers.database_url) as connection:
        rows = dict(connection.execute("SELECT id, successor_id FROM stashbox.performers").fetchall())
    assert rows == {first: third, second: third, third: None}


def test_scenes_that_only_a_decision_connects_with_a_record_are_its_objects(box: ReadBox) -> None:
    node = next(iter(box.files()))
    scene = box.box.add_scene("What a person knows")
    box.servers.decide(on_box(node, scene, url=box.endpoint.url))
    box.servers.follow()
    with connect(box.servers.database_url) as connection:
        # what follows from the decision is another way to the scene
        connection.execute("DELETE FROM matches.stashbox_candidates")
        assert objects_of(connection, box.endpoint.id, "scenes", [scene]) == {node}
        assert objects_of(connection, box.endpoint.id, "scenes", ["ab"]) == set()


def test_records_that_became_stale_are_fresh_again_by_a_larger_number_of_days(box: ReadBox) -> None:
    node = next(iter(box.files()))
    box.add_scene_of(node)
    box.read()

    def stale(days: int, later: float = 0.0) -> bool:
        with connect(box.servers.database_url) as connection:
            edit_endpoint(connection, "kitebox", home=box.settings.home, fresh_days=days)
        box.simulated.api_key = "another key"
        with pytest.raises(StashBoxAuthError):
            box.read(days=later)
        with connect(box.servers.database_url) as connection:
            row = connection.execute("SELECT stale FROM stashbox.scenes").fetchone()
        assert row
        return bool(row[0])

    assert stale(90, later=40) is False
    assert stale(30) is True
    assert stale(90) is False


def test_records_are_read_in_rotation(box: ReadBox) -> None:
    performers = [box.box.add_performer(f"Performer {number}") for number in range(70)]
    with connect(box.servers.database_url) as connection:
        (node,) = connection.execute("SELECT instance_id, id FROM stash.performers ORDER BY 1, 2 LIMIT 1").fetchall()
        for key in performers:
            connection.execute(
                "INSERT INTO stash.performer_stash_ids (instance_id, performer_id, endpoint, stash_id)\n"
                "VALUES (%s, %s, %s, %s)",
                [*node, box.endpoint.url, key],
            )
    box.read()
    assert [request.aliases for request in box.simulated.requests.of("findPerformer")] == [30, 30, 10]
    box.read(days=6)
    assert box.simulated.requests.of("findPerformer") == []
    box.read(days=2)
    assert len(box.simulated.requests.of("findPerformer")) == 3


def test_a_budget_that_ends_keeps_what_was_answered(box: ReadBox) -> None:
    with connect(box.servers.database_url) as connection:
        connection.execute("UPDATE ops.stashbox_endpoints SET requests_per_day = 2")
        report = box.read()
        assert report.stopped and "requests" in report.stopped
        (stored,) = connection.execute("SELECT count(*) FROM stashbox.lookups").fetchone() or (0,)
        assert 0 < stored == report.tables["lookups"].asked < report.tables["lookups"].due
        connection.execute("UPDATE ops.stashbox_endpoints SET requests_per_day = NULL")
    rest = box.read()
    assert rest.tables["lookups"].asked == report.tables["lookups"].due - stored


def test_a_refused_key_removes_nothing(box: ReadBox) -> None:
    node = next(iter(box.files()))
    box.add_scene_of(node)
    box.read()
    box.servers.follow()
    before = box.servers.contents()
    box.simulated.api_key = "another key"
    with pytest.raises(StashBoxAuthError):
        box.read(days=60)
    box.servers.follow()
    assert box.servers.contents() == before


@pytest.mark.parametrize("release", ["v0.6.17", "v0.7.9", "v0.8", "tpdb"])
def test_every_dialect_is_read(box: ReadBox, release: str) -> None:
    box.simulated.release = find_release(release)
    box.simulated.engine = BoxEngine(box.simulated.release)
    node = next(iter(box.files()))
    scene = box.add_scene_of(node)
    box.read()
    box.servers.follow()
    assert box.actions(node) == {scene: "automatic"}


def test_two_processes_do_not_read_one_box_at_once(box: ReadBox) -> None:
    with connect(box.servers.database_url) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK_CLASS, box.endpoint.id])
        with pytest.raises(UserError, match="Another run is reading kitebox"):
            box.read()


def test_a_box_that_fails_in_between_is_continued(box: ReadBox) -> None:
    with connect(box.servers.database_url) as connection:
        box.simulated.requests_per_minute = 2
        with pytest.raises(StashBoxError):
            report = box.read()
            raise StashBoxError(report.stopped or "")
        (stored,) = connection.execute("SELECT count(*) FROM stashbox.lookups").fetchone() or (0,)
        assert stored > 0
        box.simulated.requests_per_minute = None
        connection.execute("UPDATE ops.stashbox_endpoints SET paused_until = NULL")
    report = box.read()
    assert report.tables["lookups"].asked == report.tables["lookups"].due
    assert report.stopped is None
