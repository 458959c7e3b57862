"""What a box answered, as candidates in layer ``matches``; following equals a rebuild."""

import random
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.matches.deciding import decide, withdraw
from stash_pipeline.warehouse.matches.decisions import list_decisions
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.stashbox.documents import store_documents, store_successors
from stash_pipeline.warehouse.stashbox.due import due_documents
from stash_pipeline.warehouse.stashbox.lookups import DueLookup, due_lookups, remove_unused, store_lookups
from stash_pipeline.warehouse.stashbox.touched import objects_of, publish_objects, scenes_of
from stash_pipeline_tests.matches.test_decisions import import_again
from stash_pipeline_tests.matches.test_following import differences
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.stashbox.conftest import BOX_URL, on_box

NOW = datetime(2026, 3, 1, tzinfo=timezone.utc)
LATER = NOW + timedelta(days=60)


def due(connection: Connection, endpoint_id: int, now: datetime = NOW) -> list[DueLookup]:
    """What is due a week after an empty answer, and a month after another one."""
    return due_lookups(
        connection,
        endpoint_id,
        unmatched_before=now - timedelta(days=7),
        matched_before=now - timedelta(days=30),
    )


def scene(key: str, lookup: DueLookup, **values: Any) -> dict[str, Any]:
    """A document of a scene that has the hashes of a local one."""
    hashes = [("OSHASH", value) for value in lookup.oshashes] + [("PHASH", value) for value in lookup.phashes]
    fingerprints = [
        {"algorithm": algorithm, "hash": f"{value:016x}", "duration": 0, "submissions": 3, "reports": 0}
        for algorithm, value in hashes
    ]
    return {"id": key, "title": f"Scene {key}", "fingerprints": fingerprints, "deleted": False, **values}


def answer(
    connection: Connection, endpoint_id: int, answers: dict[DueLookup, list[dict[str, Any]]], now: datetime = NOW
) -> None:
    """Stores answers as a run does."""
    documents = {one["id"]: one for scenes in answers.values() for one in scenes}
    ids = {lookup: [one["id"] for one in scenes] for lookup, scenes in answers.items()}
    with connection.transaction():
        changed = store_documents(connection, endpoint_id, "scenes", documents, now=now)
        stored = store_lookups(connection, endpoint_id, ids, now=now, box_version="v0.10.2")
        touched = scenes_of(connection, answers, stored.changed) | objects_of(
            connection, endpoint_id, "scenes", changed
        )
        publish_objects(connection, "scenes", touched)


def actions(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT action, count(*) FROM matches.stashbox_candidates GROUP BY 1").fetchall())


def test_files_of_two_servers_are_asked_about_once(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        questions = due(connection, endpoint_id)
        (scenes,) = connection.execute("SELECT count(*) FROM stash.scenes").fetchone() or (0,)
        asked = [node for question in questions for node in question.scenes]
        assert len(asked) == len(set(asked)) <= scenes
        assert any(len(question.scenes) > 1 for question in questions)
        assert len({question.fingerprints for question in questions}) == len(questions)


def test_empty_answers_are_answers_and_become_due_again(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        first, second, *others = due(connection, endpoint_id)
        answer(connection, endpoint_id, {first: [], second: [scene("a1", second)], **{one: [] for one in others}})
        assert due(connection, endpoint_id) == []
        week = due(connection, endpoint_id, NOW + timedelta(days=8))
        assert set(week) == {first, *others}
        assert second in due(connection, endpoint_id, NOW + timedelta(days=31))


def test_answers_about_hashes_that_no_scene_has_are_removed(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        questions = due(connection, endpoint_id)
        answer(connection, endpoint_id, {question: [] for question in questions})
        assert remove_unused(connection, endpoint_id) == 0
        connection.execute("DELETE FROM stash.file_fingerprints")
        assert remove_unused(connection, endpoint_id) == len(questions)


def test_an_answer_becomes_a_candidate_and_links_the_scenes_of_two_servers(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        questions = due(connection, endpoint_id)
        # two scenes that have no hash in common, and are one on the box
        left = next(one for one in questions if one.scenes[0][0] == servers.home.instance.id and one.oshashes)
        right = next(one for one in questions if one.scenes[0][0] == servers.away.instance.id and one.oshashes)
        both = scene("a1", left)
        both["fingerprints"] += scene("a1", right)["fingerprints"]
        answer(connection, endpoint_id, {left: [both], right: [both]})
        servers.follow()
        assert actions(connection) == {"automatic": len(left.scenes) + len(right.scenes)}
        links = connection.execute(
            "SELECT evidence -> 'agrees' -> 'stash_id' FROM matches.links\n"
            "WHERE entity = 'scenes' AND evidence -> 'agrees' ? 'stash_id'"
        ).fetchall()
        assert [[BOX_URL, "a1"]] in [row[0] for row in links]
        assert servers.contents() == servers.rebuilt()


def test_a_deleted_scene_is_rejected_and_keeps_its_document(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        lookup = next(one for one in due(connection, endpoint_id) if one.oshashes)
        answer(connection, endpoint_id, {lookup: [scene("a1", lookup)]})
        servers.follow()
        assert actions(connection) == {"automatic": len(lookup.scenes)}
        answer(connection, endpoint_id, {lookup: [{"id": "a1", "title": "Scene a1", "deleted": True}]}, LATER)
        servers.follow()
        assert actions(connection) == {"reject": len(lookup.scenes)}
        row = connection.execute("SELECT status, title, document IS NOT NULL FROM stashbox.scenes").fetchone()
        assert row == ("deleted", "Scene a1", True)


def test_what_is_missing_once_is_not_believed(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        store_documents(connection, endpoint_id, "tags", {"a1": {"id": "a1", "name": "Kites"}}, now=NOW)
        statuses: list[str] = []
        for record in (None, {"id": "a1", "name": "Kites"}, None, None):
            store_documents(connection, endpoint_id, "tags", {"a1": record}, now=LATER)
            statuses += connection.execute("SELECT status FROM stashbox.tags").fetchone() or ()
        assert statuses == ["active", "active", "active", "missing"]


def test_merges_are_followed_to_the_last_successor(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        (node,) = connection.execute("SELECT instance_id, id FROM stash.performers ORDER BY 1, 2 LIMIT 1").fetchall()
        connection.execute(
            "INSERT INTO stash.performer_stash_ids (instance_id, performer_id, endpoint, stash_id)\n"
            "VALUES (%s, %s, 'HTTPS://kitebox.example/graphql/', 'A1')",
            node,
        )
        assert due_documents(connection, endpoint_id, "performers", before=NOW) == ["a1"]
        gone = {"id": "a1", "deleted": True, "merged_into_id": "b2"}
        assert store_documents(connection, endpoint_id, "performers", {"a1": gone}, now=NOW) == {"a1"}
        assert objects_of(connection, endpoint_id, "performers", {"a1"}) == {node}
        assert due_documents(connection, endpoint_id, "performers", before=NOW) == ["b2"]
        store_documents(connection, endpoint_id, "performers", {"b2": {"id": "b2", "deleted": True}}, now=NOW)
        store_successors(connection, endpoint_id, "performers", {"b2": "c3"}, now=NOW)
        rows = connection.execute("SELECT id, status, successor_id FROM stashbox.performers ORDER BY id").fetchall()
        assert rows == [("a1", "merged", "c3"), ("b2", "merged", "c3")]
        # the next answers do not undo it
        assert not store_documents(
            connection, endpoint_id, "performers", {"b2": {"id": "b2", "deleted": True}}, now=NOW
        )


def test_an_unchanged_document_changes_nothing_in_whatever_order_it_comes(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        lookup = next(one for one in due(connection, endpoint_id) if one.oshashes and one.phashes)
        document = scene("a1", lookup)
        assert store_documents(connection, endpoint_id, "scenes", {"a1": document}, now=NOW) == {"a1"}
        document["fingerprints"].reverse()
        assert store_documents(connection, endpoint_id, "scenes", {"a1": document}, now=LATER) == set()
        row = connection.execute("SELECT fetched_at, changed_at FROM stashbox.scenes").fetchone()
        assert row == (LATER, NOW)
        (count,) = connection.execute("SELECT count(*) FROM stashbox.scene_fingerprints").fetchone() or (0,)
        assert count == len(document["fingerprints"])


@pytest.mark.integration
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in (1, 2))])
def test_following_ends_in_the_same_rows_as_a_rebuild(servers: Servers, endpoint_id: int, seed: int) -> None:
    rng = random.Random(seed)
    now = NOW
    with connect(servers.database_url) as connection:
        for step in range(5):
            now += timedelta(days=40)
            questions = due(connection, endpoint_id, now)
            some = rng.sample(questions, min(len(questions), 12))
            answer(connection, endpoint_id, {one: answers(rng, one, some) for one in some}, now)
            if step == 3:
                connection.execute("UPDATE stash.files SET duration = duration + 1000 WHERE id % 3 = 0")
                nodes = connection.execute("SELECT instance_id, id FROM stash.files WHERE id % 3 = 0").fetchall()
                with connection.transaction():
                    publish_objects(connection, "files", nodes)
            change_decisions(servers, rng)
            if step in (2, 4):
                import_again(servers, "scenes", rng.choice(decided_scenes(connection)))
            servers.follow()
            assert differences(servers.contents(), servers.rebuilt()) == {}, step
        rows = connection.execute("SELECT DISTINCT action FROM matches.stashbox_candidates").fetchall()
        assert {row[0] for row in rows} >= {"accepted", "rejected"}


def change_decisions(servers: Servers, rng: random.Random) -> None:
    """Some new decisions on scenes of the box, of which it returned some; and a withdrawal."""
    with connect(servers.database_url) as connection:
        scenes = connection.execute("SELECT instance_id, id FROM stash.scenes ORDER BY 1, 2").fetchall()
        candidates = connection.execute(
            "SELECT instance_id, scene_id, box_scene_id FROM matches.stashbox_candidates ORDER BY 1, 2, 3"
        ).fetchall()
        pairs = [(*rng.choice(scenes), f"{rng.randrange(10):x}"), *rng.sample(candidates, min(len(candidates), 3))]
        for instance_id, scene_id, key in pairs:
            with suppress(UserError):
                decide(connection, [on_box((instance_id, scene_id), key, rng.choice(("same", "different")))])
        numbers = [one.number for one in list_decisions(connection, "scenes")]
        if numbers and rng.random() < 0.6:
            withdraw(connection, [rng.choice(numbers)])


def decided_scenes(connection: Connection) -> list[Node]:
    """The scenes that were decided on, or any."""
    rows = connection.execute(
        "SELECT left_instance_id, left_id FROM matches.resolved_decisions WHERE entity = 'scenes' ORDER BY 1, 2"
    ).fetchall()
    return rows or connection.execute("SELECT instance_id, id FROM stash.scenes ORDER BY 1, 2").fetchall()


def answers(rng: random.Random, lookup: DueLookup, others: list[DueLookup]) -> list[dict[str, Any]]:
    """A few scenes of the box, some with hashes of another scene too, or deleted."""
    result = []
    for _ in range(rng.choice((0, 1, 1, 2))):
        one = scene(f"{rng.randrange(8):x}", lookup, duration=rng.choice((None, 600)))
        if rng.random() < 0.3:
            one["fingerprints"] += scene("0", rng.choice(others))["fingerprints"]
        for fingerprint in one["fingerprints"]:
            fingerprint["submissions"] = rng.randrange(4)
            fingerprint["reports"] = rng.choice((0, 0, 1))
        one["deleted"] = rng.random() < 0.1
        result.append(one)
    return list({one["id"]: one for one in result}.values())
