"""The views of hierarchies equal a walk through any graph, also one that goes round in circles."""

import random
from collections.abc import Iterator, Mapping, Sequence

import pytest

from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.mirror.working import looking_at

Graph = Mapping[int, set[int]]

SEEDS = range(6)
TAGS = 25
STUDIOS = 20
MARKERS = 12


def distances(graph: Graph, starts: Sequence[int]) -> dict[int, int]:
    """What can be reached, with the length of the shortest way."""
    found = dict.fromkeys(starts, 0)
    queue = list(dict.fromkeys(starts))
    for node in queue:
        for other in graph.get(node, set()):
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


@pytest.fixture
def instance(servers: Servers) -> Iterator[int]:
    """An instance whose hierarchies a test replaces; it is as before afterwards."""
    connection = looking_at(servers.database_url)
    with connection.transaction(force_rollback=True):
        chosen = servers.servers[0].instance.id
        for table in ("marker_tags", "tag_parents"):
            connection.execute(f"DELETE FROM stash.{table} WHERE instance_id = %s", [chosen])
        connection.execute("UPDATE stash.studios SET parent_studio_id = NULL WHERE instance_id = %s", [chosen])
        connection.cursor().executemany(
            "INSERT INTO stash.tags (instance_id, id, name) VALUES (%s, %s, %s)",
            [(chosen, 9000 + number, f"tag {number}") for number in range(TAGS)],
        )
        connection.cursor().executemany(
            "INSERT INTO stash.studios (instance_id, id, name) VALUES (%s, %s, %s)",
            [(chosen, 9000 + number, f"studio {number}") for number in range(STUDIOS)],
        )
        yield chosen


def random_tags(servers: Servers, instance: int, seed: int) -> set[tuple[int, int]]:
    """Random pairs (tag, parent), with circles, diamonds and tags that are their own parent."""
    draw = random.Random(seed)
    number = (20, 40, 120)[seed % 3]
    pairs = {(9000 + draw.randrange(TAGS), 9000 + draw.randrange(TAGS)) for _ in range(number)}
    looking_at(servers.database_url).cursor().executemany(
        "INSERT INTO stash.tag_parents (instance_id, tag_id, parent_id) VALUES (%s, %s, %s)",
        [(instance, *pair) for pair in pairs],
    )
    return pairs


@pytest.mark.parametrize("seed", SEEDS)
def test_tag_descendants_equal_a_walk_through_any_graph(servers: Servers, instance: int, seed: int) -> None:
    pairs = random_tags(servers, instance, seed)
    children: dict[int, set[int]] = {}
    for tag, parent in pairs:
        children.setdefault(parent, set()).add(tag)
    tags = {row[0] for row in servers.rows("SELECT id FROM stash.tags WHERE instance_id = %s", [instance])}
    expected = {(tag, below, depth) for tag in tags for below, depth in distances(children, [tag]).items()}
    rows = servers.rows(
        "SELECT tag_id, descendant_id, depth FROM stash.tag_descendants WHERE instance_id = %s", [instance]
    )
    assert len(rows) == len(expected)
    assert set(rows) == expected
    assert any(depth > 1 for _, _, depth in expected)


def test_each_level_of_many_ways_is_walked_once(servers: Servers, instance: int) -> None:
    # 12 levels of two tags, each below both of the level above: 2 ** 12 ways
    pairs = {
        (9000 + 2 * level + own, 9000 + 2 * (level - 1) + above)
        for level in range(1, 12)
        for own in (0, 1)
        for above in (0, 1)
    }
    looking_at(servers.database_url).cursor().executemany(
        "INSERT INTO stash.tag_parents (instance_id, tag_id, parent_id) VALUES (%s, %s, %s)",
        [(instance, *pair) for pair in pairs],
    )
    rows = servers.rows(
        "SELECT depth, count(*) FROM stash.tag_descendants WHERE instance_id = %s AND tag_id = 9000\n"
        "GROUP BY 1 ORDER BY 1",
        [instance],
    )
    assert rows == [(0, 1), *((level, 2) for level in range(1, 12))]


@pytest.mark.parametrize("seed", SEEDS)
def test_marker_all_tags_are_its_own_and_all_above_them(servers: Servers, instance: int, seed: int) -> None:
    parents: dict[int, set[int]] = {}
    for tag, parent in random_tags(servers, instance, seed):
        parents.setdefault(tag, set()).add(parent)
    draw = random.Random(seed)
    connection = looking_at(servers.database_url)
    (scene,) = servers.rows("SELECT min(id) FROM stash.scenes WHERE instance_id = %s", [instance])[0]
    expected = set()
    for marker in range(9000, 9000 + MARKERS):
        primary = draw.choice([None, 9000 + draw.randrange(TAGS)])
        others = {9000 + draw.randrange(TAGS) for _ in range(draw.randrange(4))}
        connection.execute(
            "INSERT INTO stash.scene_markers (instance_id, id, scene_id, primary_tag_id) VALUES (%s, %s, %s, %s)",
            [instance, marker, scene, primary],
        )
        connection.cursor().executemany(
            "INSERT INTO stash.marker_tags (instance_id, marker_id, tag_id) VALUES (%s, %s, %s)",
            [(instance, marker, tag) for tag in others],
        )
        own = sorted(others | ({primary} if primary else set()))
        expected |= {
            (marker, tag, depth, None if primary is None else tag == primary)
            for tag, depth in distances(parents, own).items()
        }
    rows = servers.rows(
        "SELECT marker_id, tag_id, depth, is_primary FROM stash.marker_all_tags\n"
        "WHERE instance_id = %s AND marker_id >= 9000",
        [instance],
    )
    assert len(rows) == len(expected)
    assert set(rows) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_studio_paths_equal_a_walk_upwards(servers: Servers, instance: int, seed: int) -> None:
    draw = random.Random(seed)
    # where every studio has one above it, some circle exists
    share = (0.6, 1)[seed % 2]
    parents = {9000 + one: 9000 + draw.randrange(STUDIOS) for one in range(STUDIOS) if draw.random() < share}
    looking_at(servers.database_url).cursor().executemany(
        "UPDATE stash.studios SET parent_studio_id = %s WHERE instance_id = %s AND id = %s",
        [(parent, instance, studio) for studio, parent in parents.items()],
    )
    names = dict(servers.rows("SELECT id, name FROM stash.studios WHERE instance_id = %s", [instance]))
    expected = set()
    for studio in names:
        path = [studio]
        while (above := parents.get(path[0])) is not None and above not in path:
            path.insert(0, above)
        expected.add(
            (
                studio, path[0], tuple(path), tuple(names[one] for one in path), len(path) - 1,
                parents.get(path[0]) is not None,
            )
        )  # fmt: skip
    rows = servers.rows(
        "SELECT id, root_id, path_ids, path, depth, circular FROM stash.studio_tree WHERE instance_id = %s", [instance]
    )
    found = {(*row[:2], tuple(row[2]), tuple(row[3]), *row[4:]) for row in rows}
    assert len(rows) == len(names)
    assert found == expected
    assert share < 1 or any(row[-1] for row in expected)
