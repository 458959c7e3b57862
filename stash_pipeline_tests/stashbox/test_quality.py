"""Matches with a box of a known truth are as right as promised. ``benchmarks/stashbox.py`` measures larger ones.

The rules were tuned with the seeds 11 to 31 and 9101; these are others.
"""

from pathlib import Path

import pytest

from stash_pipeline.simulator.box.generate import generate_box
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.conftest import database
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import generated, new_mirror
from stash_pipeline_tests.stashbox.quality import measure
from stash_pipeline_tests.stashbox.working import new_box

__all__ = ["database"]


@pytest.mark.parametrize(("scenes", "seed"), [(250, 9301), pytest.param(1500, 9302, marks=pytest.mark.integration)])
def test_automatic_matches_are_right(database: str, home: Path, unhurried: None, scenes: int, seed: int) -> None:
    libraries = [generated(scenes, seed=seed + place, overlap_seed=seed, variants=True) for place in (100, 200)]
    servers = Servers(*(new_mirror(database, home, library) for library in libraries))
    for server in (servers.home, servers.away):
        server.refresh()
    instances = [servers.home.instance.id, servers.away.instance.id]
    made, truth = generate_box(libraries, seed=seed)
    with new_box(servers, servers.home.settings, made) as box:
        for distance in (0, 8):
            box.simulated.phash_distance = distance
            box.read(days=60)
            servers.follow()
            with connect(servers.database_url) as connection:
                quality = measure(connection, truth, instances, distance)
            assert quality.decidable > scenes / 4
            assert quality.precision >= 0.999, quality.wrong
            assert quality.recall >= 0.95, quality.missed
