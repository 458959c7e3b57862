"""The one small request that tells whether anything changed."""

import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.probing import Probe, change_reasons, probe_document, read_probe
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema


def probed(stash: SimulatedStash) -> Probe:
    plans = plan_library(ServerSchema(stash.execute(INTROSPECTION)["data"]))
    answer = stash.execute(probe_document(plans))
    assert "errors" not in answer, answer
    return read_probe(answer["data"])


RELEASES = ["v0.20.2", "v0.25", "v0.27.2", "v0.30.1", "v0.31.0"]


@pytest.fixture(params=RELEASES)
def stash(request: pytest.FixtureRequest) -> SimulatedStash:
    library = Library.create()
    generate_library(library, scenes=12, seed=1)
    return SimulatedStash(library, release=request.param)


def test_the_probe_has_count_and_newest_timestamp_of_every_entity(stash: SimulatedStash) -> None:
    found = probed(stash)
    assert found.version == stash.release.name
    assert found.database_schema == stash.release.database_schema
    assert found.counts["scenes"] == 12
    newest = stash.library.scalar("SELECT max(updated_at) FROM scenes")
    assert (found.newest["scenes"] or "")[:19] == newest[:19].replace(" ", "T")
    assert ("files" in found.counts) == stash.release.since(29)
    assert "saved_filters" not in found.counts
    assert found.played is not None


def test_an_empty_library_is_not_an_error(stash: SimulatedStash) -> None:
    found = probed(SimulatedStash(Library.create(), release=stash.release.name))
    assert set(found.counts.values()) == {0} and set(found.newest.values()) == {None}
    assert found.played is None


def test_changes_are_described(stash: SimulatedStash) -> None:
    before = probed(stash)
    assert change_reasons(before, probed(stash)) == []
    stash.execute('mutation{sceneUpdate(input:{id:"1",title:"x"}){id}}')
    assert change_reasons(before, probed(stash)) == ["scenes edited"]
    stash.execute('mutation{tagCreate(input:{name:"new one"}){id}}')
    stash.execute('mutation{sceneDestroy(input:{id:"2"})}')
    reasons = change_reasons(before, probed(stash))
    assert "+1 tags" in reasons and "-1 scenes" in reasons


# before v0.25 plays are counted only
@pytest.mark.parametrize("stash", RELEASES[1:], indirect=True)
def test_a_play_is_detected(stash: SimulatedStash) -> None:
    before = probed(stash)
    stash.execute('mutation{sceneAddPlay(id:"1"){count}}')
    assert change_reasons(before, probed(stash)) == ["scenes played"]


def test_an_upgrade_is_detected() -> None:
    reasons = change_reasons(Probe("v0.29.3", 72), Probe("v0.30.1", 75))
    assert reasons == ["release v0.29.3 → v0.30.1", "database schema 72 → 75"]
