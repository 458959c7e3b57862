"""What people decide about scenes of stash-boxes: above every rule, for ever."""

from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.stashbox_registry import add_endpoint, edit_endpoint, remove_endpoint
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.layers.layer import CheckOutcome
from stash_pipeline.warehouse.matches.checks import CHECKS
from stash_pipeline.warehouse.matches.deciding import ContradictionError, decide, withdraw
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.statistics import describe
from stash_pipeline.warehouse.stashbox.documents import store_documents, store_successors
from stash_pipeline.warehouse.stashbox.due import due_documents
from stash_pipeline.warehouse.stashbox.lookups import DueLookup
from stash_pipeline.warehouse.stashbox.touched import objects_of, publish_objects
from stash_pipeline_tests.matches.test_decisions import import_again
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.stashbox.conftest import BOX_URL, on_box
from stash_pipeline_tests.stashbox.test_candidates import LATER, NOW, answer, due, scene


def asked(connection: Connection, endpoint_id: int) -> tuple[DueLookup, Node]:
    """Hashes of one scene, and the scene."""
    lookup = next(one for one in due(connection, endpoint_id) if one.oshashes and len(one.scenes) == 1)
    return lookup, lookup.scenes[0]


def candidates(connection: Connection, node: Node) -> dict[str, tuple[str, str | None]]:
    """Action and obstacle of each candidate of a scene."""
    rows = connection.execute(
        "SELECT box_scene_id, action, evidence ->> 'obstacle' FROM matches.stashbox_candidates\n"
        "WHERE (instance_id, scene_id) = (%s, %s)",
        node,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def test_an_accepted_scene_is_matched_and_the_others_wait_for_review(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        answer(connection, endpoint_id, {lookup: [scene("a1", lookup)]})
        servers.follow()
        assert candidates(connection, node) == {"a1": ("automatic", None)}
        # the box returned another scene; a person knows better
        written = decide(connection, [on_box(node, "b2")]).written
        servers.follow()
        assert candidates(connection, node) == {"a1": ("review", "accepted_another"), "b2": ("accepted", None)}
        assert servers.contents() == servers.rebuilt()
        withdraw(connection, written)
        servers.follow()
        assert candidates(connection, node) == {"a1": ("automatic", None)}
        assert servers.contents() == servers.rebuilt()


def test_scenes_whose_decisions_moved_are_followed_even_if_nobody_logged_them(
    servers: Servers, endpoint_id: int
) -> None:
    with connect(servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        answer(connection, endpoint_id, {lookup: [scene("a1", lookup)]})
        decide(connection, [on_box(node, "b2")])
        servers.follow()
        assert candidates(connection, node)["a1"] == ("review", "accepted_another")
        # not by `withdraw`, which logs the scene
        connection.execute("UPDATE matches.decisions SET withdrawn_at = now()")
        with connection.transaction():
            publish_objects(connection, "tags", [(node[0], 1)])
        servers.follow()
        assert candidates(connection, node) == {"a1": ("automatic", None)}
        assert servers.contents() == servers.rebuilt()


def test_the_record_of_an_accepted_id_is_wanted_and_becomes_evidence(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        decide(connection, [on_box(node, "b2")])
        assert due_documents(connection, endpoint_id, "scenes", before=NOW) == ["b2"]
        servers.follow()
        store(connection, endpoint_id, {"b2": scene("b2", lookup)})
        servers.follow()
        row = connection.execute(
            "SELECT action, rule, confidence, evidence FROM matches.stashbox_candidates"
        ).fetchone()
        assert row and row[:3] == ("accepted", "person", 1)
        assert row[3]["rules"] == "automatic" and "oshash" in row[3]["agrees"]


def store(connection: Connection, endpoint_id: int, documents: dict[str, Any]) -> None:
    """Stores documents as a run does."""
    with connection.transaction():
        changed = store_documents(connection, endpoint_id, "scenes", documents, now=LATER)
        publish_objects(connection, "scenes", objects_of(connection, endpoint_id, "scenes", changed))


def test_a_rejected_scene_never_comes_back_and_no_longer_competes(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        both = [scene("a1", lookup), scene("b2", lookup)]
        answer(connection, endpoint_id, {lookup: both})
        servers.follow()
        assert candidates(connection, node) == {"a1": ("review", "ambiguous"), "b2": ("review", "ambiguous")}
        decide(connection, [on_box(node, "a1", "different")])
        for now in (NOW, LATER):
            answer(connection, endpoint_id, {lookup: both}, now)
            servers.follow()
            assert candidates(connection, node) == {"a1": ("rejected", "ambiguous"), "b2": ("automatic", None)}
        servers.follow(rebuild=True)
        assert candidates(connection, node) == {"a1": ("rejected", "ambiguous"), "b2": ("automatic", None)}


def test_a_rejected_id_that_the_server_has_links_no_scenes(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        connection.execute("INSERT INTO stash.scene_stash_ids VALUES (%s, %s, %s, 'A1')", [*node, BOX_URL + "/"])
        decide(connection, [on_box(node, "a1", "different")])
        servers.follow()
        assert candidates(connection, node) == {"a1": ("rejected", None)}
        assert servers.contents() == servers.rebuilt()
        (keys,) = connection.execute(
            "SELECT count(*) FROM matches.keys WHERE (instance_id, id) = (%s, %s)", node
        ).fetchone() or (0,)
        withdraw(connection, [1])
        servers.follow()
        (more,) = connection.execute(
            "SELECT count(*) FROM matches.keys WHERE (instance_id, id) = (%s, %s)", node
        ).fetchone() or (0,)
        assert more == keys + 1


@pytest.mark.parametrize("pointer", [True, False])
def test_a_decision_follows_the_record_that_the_box_merged_it_into(
    servers: Servers, endpoint_id: int, pointer: bool
) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        decide(connection, [on_box(node, "a1")])
        servers.follow()
        store(
            connection, endpoint_id, {"a1": {"id": "a1", "deleted": True, "merged_into_id": "b2" if pointer else None}}
        )
        if not pointer:
            changed = store_successors(connection, endpoint_id, "scenes", {"a1": "b2"}, now=LATER)
            publish_objects(connection, "scenes", objects_of(connection, endpoint_id, "scenes", changed))
        servers.follow()
        assert candidates(connection, node) == {"b2": ("accepted", None)}
        assert servers.contents() == servers.rebuilt()
        # the successor is the same pair
        assert decide(connection, [on_box(node, "b2")]).unchanged == 1
        assert decide(connection, [on_box(node, "b2", "different")]).replaced == [1]
        servers.follow()
        assert candidates(connection, node) == {"b2": ("rejected", None)}


def test_a_scene_that_was_imported_again_keeps_what_was_decided(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        answer(connection, endpoint_id, {lookup: [scene("a1", lookup)]})
        decide(connection, [on_box(node, "a1", "different"), on_box(node, "b2")])
        servers.follow()
        new = import_again(servers, "scenes", node)
        servers.follow()
        assert candidates(connection, node) == {}
        assert candidates(connection, new) == {"a1": ("rejected", None), "b2": ("accepted", None)}
        assert servers.contents() == servers.rebuilt()


def test_accepted_scenes_of_two_servers_are_one_cluster(servers: Servers, endpoint_id: int) -> None:
    clusters = servers.clusters("scenes")
    alone = [node for node in sorted(clusters) if list(clusters.values()).count(clusters[node]) == 1]
    left = next(node for node in alone if node[0] == servers.home.instance.id)
    right = next(node for node in alone if node[0] == servers.away.instance.id)
    with connect(servers.database_url) as connection:
        decide(connection, [on_box(left, "a1"), on_box(right, "a1")])
        servers.follow()
        (links,) = connection.execute(
            "SELECT count(*) FROM matches.links WHERE (left_instance_id, left_id, right_instance_id, right_id) =\n"
            "    (%s, %s, %s, %s) AND evidence -> 'agrees' ? 'stash_id'",
            [*min(left, right), *max(left, right)],
        ).fetchone() or (0,)
        assert links == 1


def test_a_decision_on_the_same_pair_replaces_the_earlier_one(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        assert decide(connection, [on_box(node, "a1")]).written == [1]
        assert decide(connection, [on_box(node, "a1")]).unchanged == 1
        assert decide(connection, [on_box(node, "a1", "different")]).replaced == [1]
        row = connection.execute("SELECT count(*), count(withdrawn_at) FROM matches.decisions").fetchone()
        assert row == (2, 1)


def test_a_scene_is_one_scene_of_a_box_at_most(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        with pytest.raises(
            ContradictionError, match="would be kitebox:a1 and kitebox:b2, which are different. Accept one"
        ):
            decide(connection, [on_box(node, "a1"), on_box(node, "b2")])
        decide(connection, [on_box(node, "a1")])
        with pytest.raises(ContradictionError, match=r"Withdraw the decision \d+ first"):
            decide(connection, [on_box(node, "b2")])
        # in one go it is no contradiction
        assert decide(connection, [on_box(node, "a1", "different"), on_box(node, "b2")]).written
        with pytest.raises(ContradictionError, match="and kitebox:c3 are called both the same and different"):
            decide(connection, [on_box(node, "c3", "different"), on_box(node, "c3")])
        # another box has scenes of its own
        assert decide(connection, [on_box(node, "a1", url="https://other.example/graphql")]).written


def test_decisions_on_a_box_that_is_not_registered_stay_and_do_nothing(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        decide(connection, [on_box(node, "a1", url="https://other.example/graphql")])
        servers.follow()
        assert candidates(connection, node) == {}
        assert servers.contents() == servers.rebuilt()


def test_decisions_apply_while_their_box_is_registered(servers: Servers, endpoint_id: int, tmp_path: Path) -> None:
    with connect(servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        answer(connection, endpoint_id, {lookup: [scene("a1", lookup)]})
        decide(connection, [on_box(node, "b2")])
        servers.follow()
        remove_endpoint(connection, "kitebox")
        servers.follow()
        assert candidates(connection, node) == {}
        assert servers.contents() == servers.rebuilt()
        add_endpoint(connection, "kites", BOX_URL, home=tmp_path)
        servers.follow()
        assert candidates(connection, node) == {"b2": ("accepted", None)}
        edit_endpoint(connection, "kites", url="https://else.example/graphql", home=tmp_path)
        servers.follow()
        assert candidates(connection, node) == {}
        assert servers.contents() == servers.rebuilt()


# --- what runs report ---------------------------------------------------------------------------------------


def outcome(connection: Connection, name: str) -> CheckOutcome:
    result = next(check for check in CHECKS if check.name == name).evaluate(connection)
    assert result is not None
    return result


def test_metadata_counts_candidates_by_box_and_rule(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        assert describe(connection, True)["matches.stashbox_candidates"] == {}
        questions = [one for one in due(connection, endpoint_id) if one.oshashes and one.phashes]
        first, second, third, *_ = questions
        near = scene("b2", second)
        near["fingerprints"] = [
            {**one, "hash": f"{int(one['hash'], 16) ^ 0b11:016x}", "duration": 7} for one in near["fingerprints"]
        ]
        answer(
            connection,
            endpoint_id,
            {first: [scene("a1", first)], second: [near], third: [scene("c3", third, deleted=True)]},
        )
        node = third.scenes[0]
        decide(connection, [on_box(node, "d4", "different")])
        servers.follow()
        described = describe(connection, True)["matches.stashbox_candidates"]
        (scenes,) = connection.execute("SELECT count(*) FROM stash.scenes").fetchone() or (0,)
        matched = described["kitebox: matched"]
        assert matched == len(first.scenes)
        assert described["kitebox: to review"] == 0
        assert described["kitebox: rejected"] == len(second.scenes) + len(third.scenes) + 1
        assert described["kitebox: scenes without a candidate"] == scenes - matched
        assert described["candidates: oshash + another_hash or duration or metadata or votes (automatic)"] == matched
        assert described["candidates: person (rejected)"] == 1
        for name in ("phash_distances", "duration_differences"):
            assert "data:image/png;base64," in described[name].text


def test_automatic_matches_that_people_rejected_fail_a_check(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        some = [one for one in due(connection, endpoint_id) if one.oshashes and len(one.scenes) == 1][:3]
        answer(connection, endpoint_id, {one: [scene(f"a{number}", one)] for number, one in enumerate(some)})
        servers.follow()
        for number, one in enumerate(some[:2]):
            decide(connection, [on_box(one.scenes[0], f"a{number}", "different")])
            servers.follow()
            result = outcome(connection, "automatic_matches_are_right")
            # one is not enough to say so
            assert result.passed is (number == 0)
        assert result.metadata == {
            "automatic_matches": 3, "rejected": 2, "accepted": 0, "precision_observed": 0.33333
        }  # fmt: skip


def test_two_accepted_scenes_of_one_box_fail_a_check(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        decide(connection, [on_box(node, "a1")])
        servers.follow()
        assert outcome(connection, "one_scene_of_a_box_is_accepted").passed
        # the command refuses this one
        connection.execute(
            "INSERT INTO matches.decisions (entity, verdict, left_instance, left_id, left_created_at, left_content,\n"
            "    stashbox_url, stashbox_id)\n"
            "SELECT entity, verdict, left_instance, left_id, left_created_at, left_content, stashbox_url, 'b2'\n"
            "FROM matches.decisions"
        )
        servers.follow(rebuild=True)
        result = outcome(connection, "one_scene_of_a_box_is_accepted")
        assert not result.passed and "kitebox:a1, kitebox:b2" in result.metadata["examples"]


def test_a_scene_that_the_box_never_had_is_unknown_until_it_is_missing(servers: Servers, endpoint_id: int) -> None:
    with connect(servers.database_url) as connection:
        _, node = asked(connection, endpoint_id)
        decide(connection, [on_box(node, "ff")])
        servers.follow()
        for status in ("unknown", "missing"):
            with connection.transaction():
                changed = store_documents(connection, endpoint_id, "scenes", {"ff": None}, now=NOW)
                publish_objects(connection, "scenes", objects_of(connection, endpoint_id, "scenes", changed))
            servers.follow()
            row = connection.execute("SELECT evidence ->> 'status' FROM matches.stashbox_candidates").fetchone()
            assert row == (status,)
            assert servers.contents() == servers.rebuilt()
