"""Fault injection: the affected requests, and the effect of each kind on a client."""

import time

import httpx
import pytest

from stash_pipeline.simulator.faults import KINDS, Faults, parse_fault
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.simulator.conftest import Make

QUERY = {"query": "{findScenes(filter:{per_page:-1}){count scenes{id title tags{id} performers{id}}}}"}


def test_a_fault_is_parsed_from_a_text() -> None:
    assert parse_fault("5xx:0.25").probability == 0.25
    assert parse_fault("5xx:every=3,status=500").status == 500
    assert parse_fault("latency:next=2,seconds=1.5").seconds == 1.5


@pytest.mark.parametrize(
    "text", ["", "fire:1", "5xx", "5xx:", "5xx:often", "5xx:2", "5xx:every=0", "5xx:0.1,every=2", "5xx:x=1", "drop:nan"]
)
def test_an_invalid_fault_is_rejected_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(Unknown fault|Cannot read|Fault) .*\.\d?.*$") as caught:
        parse_fault(text)
    assert "\n" not in str(caught.value)


def test_a_fault_applies_to_the_selected_requests() -> None:
    assert [bool(faults.next()) for faults in [Faults.of("drop:every=3")] for _ in range(7)] == [
        False, False, True, False, False, True, False,
    ]  # fmt: skip
    few = Faults.of("locked:next=2")
    assert [bool(few.next()) for _ in range(4)] == [True, True, False, False]

    def drawn(seed: int) -> list[bool]:
        faults = Faults.of("5xx:0.3", seed=seed)
        return [bool(faults.next()) for _ in range(200)]

    assert drawn(5) == drawn(5) != drawn(6)
    assert 30 < sum(drawn(5)) < 90


def test_each_kind_of_fault_has_its_effect_on_the_client(make: Make) -> None:
    stash = make()
    with stash.running() as server, http_client(base_url=server.url, timeout=60) as client:
        usual = client.post("/graphql", json=QUERY).json()

        def asked(kind: str) -> httpx.Response:
            stash.faults = Faults.of(f"{kind}:next=1")
            answer = client.post("/graphql", json=QUERY)
            assert stash.faults.hits == {kind: 1}
            return answer

        assert asked("5xx").status_code == 503
        assert asked("401").status_code == 401
        redirected = asked("302")
        assert redirected.status_code == 302 and redirected.headers["location"].startswith("/login?returnURL=")
        refused = asked("422")
        assert refused.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
        assert refused.status_code == 422
        assert asked("locked").json()["errors"][0]["message"].startswith("database is locked")
        assert asked("errors").json()["data"] is None
        with pytest.raises(ValueError, match=r"."):
            asked("truncated").json()
        with pytest.raises(httpx.RemoteProtocolError):
            asked("drop")
        started = time.perf_counter()
        assert asked("latency").json() == usual
        assert time.perf_counter() - started >= 0.2
        assert client.post("/graphql", json=QUERY).json() == usual
        assert client.get("/healthz").text == "."


@pytest.mark.parametrize("release", ["v0.20", "v0.31"])
def test_a_vanishing_row_fails_its_page_once(make: Make, release: str) -> None:
    stash = make(release=release, scenes=30)
    # a tag that is the primary one of a marker cannot be destroyed
    stash.library.execute("DELETE FROM scene_markers")
    tags = stash.library.scalar("SELECT count(*) FROM tags")
    with stash.running() as server, http_client(base_url=server.url, timeout=60) as client:
        stash.faults = Faults.of("vanish:next=1")
        answer = client.post("/graphql", json=QUERY)
        body = answer.json()
        assert answer.status_code == 200
        assert body["data"] is None
        assert body["errors"][0]["message"].startswith("tag with id ")
        assert body["errors"][0]["message"].endswith(" not found")
        assert body["errors"][0]["path"][:2] == ["findScenes", "scenes"]
        assert stash.library.scalar("SELECT count(*) FROM tags") == tags - 1
        assert "errors" not in client.post("/graphql", json=QUERY).json()


def test_faults_do_not_apply_to_in_process_requests() -> None:
    stash = SimulatedStash(Library.create(), faults=Faults.of(*(f"{kind}:1" for kind in KINDS)))
    assert stash.execute("{findScenes{count}}") == {"data": {"findScenes": {"count": 0}}}
