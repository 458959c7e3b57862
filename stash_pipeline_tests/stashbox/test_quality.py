"""Matches with a box of a known truth are as right as promised. ``benchmarks/stashbox.py`` measures larger ones.

The rules were tuned with the seeds 11 to 31 and 9101; these are others.
"""

from math import comb
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


def chance(wrong: int, decided: int, precision: float) -> float:
    """How likely so many wrong matches or more are, among those decided, if the precision is what it is said to be."""
    fewer = (comb(decided, n) * (1 - precision) ** n * precision ** (decided - n) for n in range(wrong))
    return 1 - sum(fewer)


def test_chance_separates_bad_luck_from_bad_rules() -> None:
    assert chance(0, 1000, 0.999) == 1
    assert chance(1, 1000, 0.999) == pytest.approx(0.632, abs=0.001)
    assert chance(2, 1300, 0.999) > 0.3
    assert chance(13, 1300, 0.999) < 1e-8


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
            # so few matches say no more; the benchmark has enough of them for the figure itself
            counts = quality.automatic
            assert chance(counts["wrong"], counts.total(), 0.999) > 0.02, quality.wrong
            assert quality.recall >= 0.95, quality.missed
