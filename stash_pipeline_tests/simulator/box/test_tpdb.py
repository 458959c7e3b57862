"""ThePornDB's subset of the interface."""

import pytest

from stash_pipeline.simulator.box.faults import box_faults
from stash_pipeline_tests.simulator.box.conftest import KEY, Serve
from stash_pipeline_tests.simulator.box.sample import Sample


def test_it_has_eleven_queries(boxed: Sample, serve: Serve) -> None:
    fields = serve(boxed.box, release="tpdb").ask("{ __schema { queryType { fields { name } } } }")
    names = {one["name"] for one in fields["__schema"]["queryType"]["fields"]}
    assert len(names) == 11
    assert "findScenesBySceneFingerprints" in names and not names & {"version", "queryEdits", "searchTag", "querySites"}


def test_dates_of_birth_have_a_time(boxed: Sample, serve: Serve) -> None:
    query = f'{{ findPerformer(id: "{boxed.performers[0]}") {{ birth_date birthdate {{ date }} death_date }} }}'
    assert serve(boxed.box, release="tpdb").ask(query)["findPerformer"] == {
        "birth_date": "1990-05-06T00:00:00",
        "birthdate": {"date": "1990-05-06 00:00:00"},
        "death_date": None,
    }


@pytest.mark.parametrize(
    "fields",
    [
        "fingerprints { reports }",
        "performers { performer { merged_into_id } }",
        "tags { category { name } }",
        "edits { id }",
    ],
)
def test_fields_that_it_lacks_are_errors_of_lighthouse(boxed: Sample, serve: Serve, fields: str) -> None:
    response = serve(boxed.box, release="tpdb").post(f'{{ findScene(id: "{boxed.scenes[0]}") {{ {fields} }} }}')
    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"] == {"category": "graphql"}


def test_a_wrong_key_is_answered_like_none(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box, release="tpdb")
    for key in ("wrong", None):
        response = client.post("{ me { name } }", key=key)
        assert response.status_code == 200
        (error,) = response.json()["errors"]
        assert (error["message"], error["extensions"]) == ("Unauthenticated.", {"category": "authentication"})
    bearer = client.post("{ me { name } }", key=None, Authorization=f"Bearer {KEY}")
    assert bearer.json() == {"data": {"me": {"name": "reader"}}}


def test_lists_need_an_order_and_ignore_narrowing(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box, release="tpdb")
    given = 'title: "no such title", page: 1, per_page: 25'
    assert "errors" in client.post(f"{{ queryScenes(input: {{{given}}}) {{ count }} }}").json()
    found = client.ask(f"{{ queryScenes(input: {{{given}, sort: DATE, direction: DESC}}) {{ count }} }}")
    assert found == {"queryScenes": {"count": 8}}


def test_too_many_requests_are_an_error_in_json(boxed: Sample, serve: Serve) -> None:
    response = serve(boxed.box, release="tpdb", faults=box_faults("429:next=1")).post("{ me { name } }")
    assert response.status_code == 429
    assert response.json() == {"errors": [{"message": "Too Many Attempts."}]}
