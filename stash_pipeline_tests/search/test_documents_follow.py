"""Whatever happens, following ends in the same documents as a rebuild, and whoever follows them has them all."""

import random
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.search.checks import CHECKS
from stash_pipeline.warehouse.search.layer import SEARCH_LAYER
from stash_pipeline_tests.catalog.boxes import Boxes
from stash_pipeline_tests.catalog.test_following import BOX_STEPS, STEPS
from stash_pipeline_tests.catalog.working import Servers, new_servers
from stash_pipeline_tests.mirror.working import looking_at
from stash_pipeline_tests.search.working import Copy, contents, documents, follow_search, rebuilt

ROUNDS = 8
HISTORIES = [
    # a beginning of the next one
    (0, 3, False),
    *(
        pytest.param(seed, ROUNDS, images, marks=pytest.mark.integration)
        for seed, images in product((0, 1), (False, True))
    ),
    *(
        pytest.param(seed, ROUNDS, images, marks=pytest.mark.soak)
        for seed, images in product(range(2, 12), (False, True))
    ),
]
"""Seed, rounds of changes, whether images have documents."""


def _markers_or_names_change(servers: Servers, rng: random.Random) -> None:
    """Changes that reach documents of other records, which the events of libraries seldom make."""
    entity, column, value = rng.choice([
        ("tags", "name", f"'Renamed {rng.random():.6f}'"),
        ("studios", "name", f"'Renamed {rng.random():.6f}'"),
        ("studios", "parent_studio_id", "(SELECT id FROM stash.studios AS p WHERE p.instance_id = %(i)s ORDER BY"
         f" md5(p.id || '{rng.random()}') LIMIT 1)"),
        ("performers", "name", f"'Renamed {rng.random():.6f}'"),
        ("performers", "gender", "'NON_BINARY'"),
        ("groups", "name", f"'Renamed {rng.random():.6f}'"),
        ("files", "basename", f"'renamed {rng.random():.6f}.mp4'"),
        ("files", "height", "240"),
        ("folders", "path", f"'/renamed/{rng.random():.6f}'"),
        ("scene_markers", "title", f"'Renamed {rng.random():.6f}'"),
        ("scene_markers", "seconds", "7.5"),
        ("scene_markers", "primary_tag_id", "(SELECT id FROM stash.tags AS p WHERE p.instance_id = %(i)s ORDER BY"
         f" md5(p.id || '{rng.random()}') LIMIT 1)"),
        ("scene_markers", "scene_id", "(SELECT id FROM stash.scenes AS p WHERE p.instance_id = %(i)s ORDER BY"
         f" md5(p.id || '{rng.random()}') LIMIT 1)"),
    ])  # fmt: skip
    rows = servers.rows(f"SELECT instance_id, id FROM stash.{entity} ORDER BY 1, 2")
    if rows:
        servers.edit_by(entity, rng.choice(rows), f"{column} = {value}")


def _tags_get_parents(servers: Servers, rng: random.Random) -> None:
    """Also in circles."""
    tags = servers.rows("SELECT instance_id, id FROM stash.tags ORDER BY 1, 2")
    for _ in range(3):
        instance, child = rng.choice(tags)
        parent = rng.choice([one for one in tags if one[0] == instance])[1]
        if child != parent:
            servers.link("tag_parents", ("tag_id", "parent_id"), "tags", (instance, child), parent, rng.random() < 0.7)


def _performers_get_aliases(servers: Servers, rng: random.Random) -> None:
    one = rng.choice(servers.rows("SELECT instance_id, id FROM stash.performers ORDER BY 1, 2"))
    name = f"Alias {rng.randint(0, 3)}"
    servers.link("performer_aliases", ("performer_id", "alias"), "performers", one, name, rng.random() < 0.7)


def _marker_tags_of_scenes(made: dict[UUID, dict[str, Any]]) -> set[tuple[UUID, UUID, bool]]:
    """What the documents of scenes say of the tags of their markers: scene, tag, whether a marker has it itself."""
    scenes = [one for one in made.values() if one["marker_tag_ids"] or one["own_marker_tag_ids"]]
    assert all(set(one["own_marker_tag_ids"]) <= set(one["marker_tag_ids"]) for one in scenes)
    return {(one["id"], tag, tag in one["own_marker_tag_ids"]) for one in scenes for tag in one["marker_tag_ids"]}


def _marker_tags(servers: Servers) -> set[tuple[UUID, UUID, bool]]:
    """The same, of the markers."""
    return set(servers.rows("SELECT scene_id, tag_id, bool_or(own) FROM search.marker_tags GROUP BY 1, 2"))


OWN_STEPS = [_markers_or_names_change, _markers_or_names_change, _tags_get_parents, _performers_get_aliases]


@pytest.mark.parametrize(("seed", "rounds", "images"), HISTORIES)
def test_following_ends_in_the_same_documents_as_a_rebuild(
    warehouse: str, home: Path, seed: int, rounds: int, images: bool
) -> None:
    assert SEARCH_LAYER.configured
    layer = SEARCH_LAYER.configured(SEARCH_LAYER, Settings(home=home, search_images=images))
    rng = random.Random(seed)
    servers = new_servers(warehouse, home, scenes=20, seed=seed + 1)
    boxes = Boxes(servers, servers.home)
    boxes.register()
    follow_search(servers, layer)
    copy = Copy(servers)
    for number in range(rounds):
        before = documents(servers)
        head = servers.rows("SELECT revision FROM ops.shared_layers WHERE layer = 'search'")[0][0]
        steps = [*rng.choices(OWN_STEPS, k=3), *rng.choices(STEPS, k=rng.randint(0, 2)), *rng.choices(BOX_STEPS, k=1)]
        for step in steps:
            step(servers, rng)
        done = follow_search(servers, layer)
        copy.read()
        made = contents(looking_at(servers.database_url))
        assert made == rebuilt(servers, layer), (number, steps)
        now = documents(servers)
        assert copy.documents == now, (number, steps)
        assert _marker_tags_of_scenes(now) == _marker_tags(servers), (number, steps)
        # a document that is the same keeps its revision, and no other one does
        for identity, one in now.items():
            old = before.get(identity)
            same = old is not None and {**old, "revision": 0} == {**one, "revision": 0}
            assert one["revision"] == old["revision"] if same and old else head < one["revision"] <= done.revision
    with connect(warehouse) as connection:
        assert all(outcome and outcome.passed for outcome in (check.evaluate(connection) for check in CHECKS))
    boxes.remove()
    for server in list(servers.servers):
        servers.remove(server)
    follow_search(servers, layer)
    copy.read()
    assert not documents(servers) and not copy.documents and not servers.rows("SELECT FROM search.marker_tags")
