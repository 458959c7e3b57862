"""People decide: above every rule, for ever."""

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches.blocks import LARGEST_BLOCK
from stash_pipeline.warehouse.matches.deciding import ContradictionError, NewDecision, decide, withdraw
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.queue import read_queue
from stash_pipeline_tests.matches.conftest import EmptyServers
from stash_pipeline_tests.matches.documents import remove_documents, write_documents
from stash_pipeline_tests.matches.test_kinds import follow
from stash_pipeline_tests.matches.working import Servers


def apart(servers: Servers, entity: str, count: int) -> list[Node]:
    """Objects that are alone in their clusters."""
    clusters = servers.clusters(entity)
    members = list(clusters.values())
    return [node for node in sorted(clusters) if members.count(clusters[node]) == 1][:count]


def together(servers: Servers, entity: str) -> tuple[Node, Node]:
    """Two objects of one cluster."""
    by_cluster: dict[object, list[Node]] = {}
    for node, cluster in sorted(servers.clusters(entity).items()):
        by_cluster.setdefault(cluster, []).append(node)
    left, right = next(nodes for nodes in by_cluster.values() if len(nodes) == 2)
    return left, right


def same(entity: str, left: Node, right: Node) -> NewDecision:
    return NewDecision(entity, "same", left, right)


def different(entity: str, left: Node, right: Node) -> NewDecision:
    return NewDecision(entity, "different", left, right)


@pytest.mark.parametrize("entity", ["performers", "tags", "scenes"])
def test_objects_called_the_same_are_one_cluster_also_transitively(servers: Servers, entity: str) -> None:
    a, b, c = apart(servers, entity, 3)
    servers.decide(same(entity, a, b), same(entity, c, b))
    servers.follow()
    clusters = servers.clusters(entity)
    assert clusters[a] == clusters[b] == clusters[c]
    assert servers.contents() == servers.rebuilt()


def test_objects_called_different_are_separated_and_stay_so(servers: Servers) -> None:
    left, right = together(servers, "performers")
    servers.decide(different("performers", left, right))
    for rebuild in (False, True):
        servers.follow(rebuild=rebuild)
        clusters = servers.clusters("performers")
        assert clusters[left] != clusters[right]
        with connect(servers.database_url) as connection:
            pairs = {(pair.left, pair.right) for pair in read_queue(connection, ["performers"]).pairs}
        assert (left, right) not in pairs


def test_a_decision_that_is_withdrawn_no_longer_counts(servers: Servers) -> None:
    left, right = together(servers, "tags")
    before = servers.contents()
    written = servers.decide(different("tags", left, right)).written
    servers.follow()
    with connect(servers.database_url) as connection:
        assert withdraw(connection, written) == written
        assert withdraw(connection, written) == []
    servers.follow()
    after = servers.contents()
    assert after == before


def test_a_decision_on_the_same_pair_replaces_the_earlier_one(servers: Servers) -> None:
    a, b = apart(servers, "tags", 2)
    first = servers.decide(same("tags", a, b))
    assert servers.decide(same("tags", b, a)).unchanged == 1
    assert servers.decide(different("tags", a, b)).replaced == first.written


def test_a_contradiction_names_the_decisions_and_writes_nothing(servers: Servers) -> None:
    a, b, c = apart(servers, "performers", 3)
    numbers = servers.decide(same("performers", a, b), same("performers", b, c)).written
    with pytest.raises(ContradictionError, match=f"Withdraw one of the decisions {numbers[0]}, {numbers[1]} first"):
        servers.decide(different("performers", a, c))
    with pytest.raises(ContradictionError, match="both the same and different"):
        servers.decide(same("tags", *apart(servers, "tags", 2)), different("tags", *apart(servers, "tags", 2)))
    with connect(servers.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM matches.decisions").fetchone() == (2,)


def test_an_object_that_does_not_exist_is_refused(servers: Servers) -> None:
    instance = servers.home.instance
    with pytest.raises(UserError, match=rf"tags {instance.name}:999999 does not exist"):
        servers.decide(same("tags", (instance.id, 1), (instance.id, 999999)))


def import_again(servers: Servers, entity: str, node: Node) -> Node:
    """The server gets an object once more, with another id and other times."""
    server = next(each for each in (servers.home, servers.away) if each.instance.id == node[0])
    library = server.stash.library
    (row,) = library.rows(f"SELECT * FROM {entity} WHERE id = ?", [node[1]])
    newest = library.scalar(f"SELECT max(id) FROM {entity}")
    later = server.stash.clock().isoformat(timespec="seconds")
    if entity != "scenes":
        # their names are unique
        library.execute(f"DELETE FROM {entity} WHERE id = ?", [node[1]])
    library.insert(entity, {**row, "id": newest + 1, "created_at": later, "updated_at": later})
    if entity == "scenes":
        # all that refers to a scene
        for table, column in library.tuples(
            'SELECT m.name, f."from" FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f\n'
            "WHERE m.type = 'table' AND f.\"table\" = 'scenes'"
        ):
            library.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE "{column}" = ?', [newest + 1, node[1]])
        library.execute("DELETE FROM scenes WHERE id = ?", [node[1]])
    server.refresh(mode="sweep", accept_removals=True)
    return node[0], newest + 1


@pytest.mark.parametrize("entity", ["performers", "studios"])
def test_an_object_that_was_imported_again_is_recognised(servers: Servers, entity: str) -> None:
    left, right = together(servers, entity)
    assert left[0] == servers.home.instance.id
    servers.decide(different(entity, left, right))
    servers.follow()
    new = import_again(servers, entity, left)
    servers.follow()
    clusters = servers.clusters(entity)
    assert left not in clusters
    assert clusters[new] != clusters[right]
    assert servers.contents() == servers.rebuilt()


def test_a_decision_does_not_apply_to_another_object_with_the_same_id(servers: Servers) -> None:
    left, right = apart(servers, "tags", 2)
    servers.decide(same("tags", left, right))
    servers.follow()
    server = next(s for s in (servers.home, servers.away) if s.instance.id == left[0])
    later = server.stash.clock().isoformat(timespec="seconds")
    server.stash.library.update("tags", left[1], {"name": "Zinnober", "created_at": later, "updated_at": later})
    for table in ("tag_aliases", "tag_stash_ids"):
        server.stash.library.execute(f"DELETE FROM {table} WHERE tag_id = ?", [left[1]])
    server.refresh(mode="sweep", accept_removals=True)
    servers.follow()
    clusters = servers.clusters("tags")
    assert clusters[left] != clusters[right]
    assert servers.contents() == servers.rebuilt()


def test_an_object_is_not_recognised_by_a_name_that_many_have(empty_servers: EmptyServers) -> None:
    database, (first, second) = empty_servers
    name = {"name": "Alba Kite"}
    with connect(database) as connection:
        write_documents(connection, second.id, {"performers": [{"id": n, **name} for n in range(LARGEST_BLOCK)]})
        write_documents(connection, first.id, {"performers": [{"id": 1, **name}]})
        follow(connection)
        write_documents(connection, first.id, {"performers": [{"id": 2, **name}]})
        follow(connection)
        decide(connection, [different("performers", (first.id, 2), (second.id, 1))])
        follow(connection)
        assert connection.execute("SELECT left_id FROM matches.resolved_decisions").fetchall() == [(2,)]
        remove_documents(connection, first.id, "performers", [2])
        write_documents(connection, first.id, {"performers": [{"id": 3, **name, "created_at": "2026-05-06T07:08:09Z"}]})
        follow(connection)
        assert not connection.execute("SELECT FROM matches.resolved_decisions").fetchall()
