"""Matches with a box of a known truth are as right as promised. ``benchmarks/stashbox.py`` measures larger ones."""

from pathlib import Path

from stash_pipeline.simulator.box.generate import generate_box
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import generated, new_mirror
from stash_pipeline_tests.stashbox.quality import measure
from stash_pipeline_tests.stashbox.working import new_box

SCENES = 250


def test_automatic_matches_are_right(warehouse: str, home: Path, unhurried: None) -> None:
    libraries = [generated(SCENES, seed=seed, overlap_seed=5, variants=True) for seed in (11, 12)]
    servers = Servers(*(new_mirror(warehouse, home, library) for library in libraries))
    for server in (servers.home, servers.away):
        server.refresh()
    instances = [servers.home.instance.id, servers.away.instance.id]
    made, truth = generate_box(libraries, seed=13)
    with new_box(servers, servers.home.settings, made) as box:
        for distance in (0, 8):
            box.simulated.phash_distance = distance
            box.read(days=60)
            servers.follow()
            with connect(servers.database_url) as connection:
                quality = measure(connection, truth, instances, distance)
            assert quality.decidable > SCENES / 4
            assert quality.precision >= 0.999, quality.wrong
            assert quality.recall >= 0.95, quality.missed
