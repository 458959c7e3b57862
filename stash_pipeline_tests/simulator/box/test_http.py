"""Keys, statuses, faults, releases, and the log of requests."""

import httpx
import pytest

from stash_pipeline.simulator.box.faults import box_faults
from stash_pipeline_tests.simulator.box.conftest import KEY, LOOKUP, Serve
from stash_pipeline_tests.simulator.box.sample import Sample

CONFIG = "{ getConfig { require_invite } }"
VERSION = "{ version { version } }"


def test_a_wrong_key_is_401_with_an_empty_body(boxed: Sample, serve: Serve) -> None:
    response = serve(boxed.box).post(CONFIG, key="wrong")
    assert (response.status_code, response.content, response.headers.get("content-type")) == (401, b"", None)


def test_without_a_key_everything_but_the_configuration_is_refused(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    assert client.post(CONFIG, key=None).json() == {"data": {"getConfig": {"require_invite": True}}}
    for query in (VERSION, "{ me { id } }", '{ findTag(name: "Night") { id } }'):
        response = client.post(query, key=None)
        assert response.status_code == 200
        assert response.json()["errors"][0]["message"] == "not authorized"
    assert client.ask("{ me { name roles } }") == {"me": {"name": "reader", "roles": ["READ"]}}


def test_a_refused_field_is_not_an_absent_one(boxed: Sample, serve: Serve) -> None:
    query = f'{{ findScene(id: "{boxed.scenes[0]}") {{ id }} getConfig {{ require_invite }} }}'
    body = serve(boxed.box).post(query, key=None).json()
    assert body["data"] == {"findScene": None, "getConfig": {"require_invite": True}} and body["errors"]


def test_an_unknown_field_refuses_the_whole_document(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    response = client.post("{ version { version } getConfig { no_such_field } }")
    assert response.status_code == 422
    assert response.json()["errors"][0]["extensions"] == {"code": "GRAPHQL_VALIDATION_FAILED"}
    other = client.post("{ no }", Accept="application/graphql-response+json")
    assert other.status_code == 400


def test_introspection_needs_no_key_and_spells_the_default_false_as_real_boxes_do(boxed: Sample, serve: Serve) -> None:
    query = '{ __type(name: "Scene") { fields { name args { name defaultValue } } } }'
    fields = serve(boxed.box).post(query, key=None).json()["data"]["__type"]["fields"]
    arguments = {one["name"]: one["args"] for one in fields}
    assert arguments["fingerprints"] == [{"name": "is_submitted", "defaultValue": "False"}]


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ('{ searchScenes(term: "copper") { count } }', "v0.8", None),
        ('{ searchPerformers(term: "tobin") { count } }', "v0.8", None),
        ('{ findScenesByFingerprints(fingerprints: ["aa"]) { id } }', None, "v0.7"),
        ('{ queryScenes(input: {code: {value: "x", modifier: EQUALS}}) { count } }', "v0.10", None),
        ('{ findTagOrAlias(name: "outside") { name } }', None, None),
    ],
)
def test_queries_come_and_go_with_releases(
    boxed: Sample, serve: Serve, query: str, since: str | None, until: str | None
) -> None:
    releases = ["v0.6", "v0.7", "v0.8", "v0.9", "v0.10"]
    known = releases[releases.index(since) if since else 0 : releases.index(until) + 1 if until else None]
    for release in releases:
        client = serve(boxed.box, release=release)
        assert client.post(query).status_code == (200 if release in known else 422)
        assert client.ask(VERSION)["version"]["version"].startswith(release)


def test_mutations_are_refused_and_remembered(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    changes = boxed.box.connection.total_changes
    fingerprint = '{hash: "aa", algorithm: OSHASH, duration: 3}'
    scene = f'scene_id: "{boxed.scenes[0]}"'
    mutation = f"mutation {{ submitFingerprint(input: {{{scene}, fingerprint: {fingerprint}}}) }}"
    assert client.only_error(mutation) == "not authorized"
    (request,) = client.server.requests.mutations()
    assert request.operations == ("submitFingerprint",)
    assert boxed.box.connection.total_changes == changes


def test_the_log_counts_groups_fingerprints_and_aliases(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    client.lookup([("OSHASH", "aa"), ("PHASH", "bb")], [("PHASH", "cc")], [])
    client.ask("{" + " ".join(f'a{n}: findScene(id: "{one}") {{ id }}' for n, one in enumerate(boxed.scenes)) + "}")
    client.ask('{ findScenesBySceneFingerprints(fingerprints: [[{hash: "1", algorithm: PHASH}], []]) { id } }')
    first, second, third = client.server.requests.all()
    assert (first.groups, first.fingerprints, first.phashes, first.aliases) == (3, 3, 2, 1)
    assert (second.operations, second.aliases, second.groups) == (("findScene",), len(boxed.scenes), 0)
    assert (third.groups, third.fingerprints, third.phashes) == (2, 1, 1)
    assert client.server.requests.of("findScene") == [second]


def test_the_log_has_headers_but_no_key(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    client.post(VERSION, Authorization=f"Bearer {KEY}", **{"User-Agent": "a mirror"})
    client.post(VERSION, key="wrong")
    first, second = client.server.requests.all()
    assert first.headers["user-agent"] == "a mirror" and first.with_key
    assert (second.status, second.with_key) == (401, True)
    assert KEY not in repr(first) + str(first.headers)


def test_429_has_retry_after_on_request_and_a_page_of_the_proxy(boxed: Sample, serve: Serve) -> None:
    first = serve(boxed.box, faults=box_faults("429:next=1,retry_after=7")).post(VERSION)
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert first.headers["content-type"].startswith("text/html") and "429" in first.text
    assert "retry-after" not in serve(boxed.box, faults=box_faults("429:next=1")).post(VERSION).headers


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_proxy_can_answer_with_a_page_of_any_status(boxed: Sample, serve: Serve, status: int) -> None:
    client = serve(boxed.box, faults=box_faults(f"html:next=1,status={status}"))
    page = client.post(VERSION)
    assert (page.status_code, page.text[:6]) == (status, "<html>")
    assert client.post(VERSION).json()["data"]


def test_the_limit_of_requests_is_kept(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box, requests_per_minute=3)
    assert [client.post(VERSION).status_code for _ in range(5)] == [200, 200, 200, 429, 429]


@pytest.mark.parametrize(("kind", "status"), [("5xx", 503), ("401", 401), ("422", 422), ("errors", 200)])
def test_other_faults_can_be_injected(boxed: Sample, serve: Serve, kind: str, status: int) -> None:
    client = serve(boxed.box, faults=box_faults(f"{kind}:next=1"))
    first = client.post(VERSION)
    assert first.status_code == status and "v0.10" not in first.text
    assert client.post(VERSION).json()["data"]


def test_a_response_can_end_too_early(boxed: Sample, serve: Serve) -> None:
    with pytest.raises(ValueError):
        serve(boxed.box, faults=box_faults("truncated:next=1")).post(VERSION).json()
    with pytest.raises(httpx.RemoteProtocolError):
        serve(boxed.box, faults=box_faults("drop:next=1")).post(VERSION)


def test_faults_of_another_server_are_unknown() -> None:
    with pytest.raises(ValueError, match="Unknown fault 'locked'; there are latency, drop, truncated, 429"):
        box_faults("locked:next=1")


def test_images_are_served_without_a_key(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    query = f'{{ findScene(id: "{boxed.scenes[0]}") {{ images {{ url width }} }} }}'
    images = client.ask(query)["findScene"]["images"]
    assert [image["width"] for image in images] == [1920, 1280, 300]  # the widest shape first
    assert client.http.get(images[0]["url"]).content.startswith(b"\x89PNG")
    assert client.http.get(images[0]["url"], headers={"ApiKey": "wrong"}).status_code == 401


def test_filters_that_a_box_ignores_change_nothing(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    scenes = 'alias: {value: "Cal", modifier: EQUALS}, production_date: {value: "1999", modifier: EQUALS}'
    performers = 'alias: "Posy L", height: {value: 3, modifier: EQUALS}, eye_color: {value: RED, modifier: EQUALS}'
    found = client.ask(
        f"{{ queryScenes(input: {{{scenes}}}) {{ count }} queryPerformers(input: {{{performers}}}) {{ count }}"
        ' queryTags(input: {text: "nothing"}) { count } }'
    )
    assert [one["count"] for one in found.values()] == [8, 6, 4]


def test_pages_of_performers_with_equal_keys_have_no_order(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    query = "{ queryPerformers(input: {sort: DEATHDATE, direction: ASC}) { performers { id } } }"
    orders = {str(client.ask(query)) for _ in range(20)}
    assert len(orders) > 1


def test_a_page_has_any_size(boxed: Sample, serve: Serve) -> None:
    query = "{ queryScenes(input: {per_page: 100000}) { scenes { id } } }"
    assert len(serve(boxed.box).ask(query)["queryScenes"]["scenes"]) == 8


def test_the_lookup_is_the_same_in_a_get_request(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    parameters = {"query": LOOKUP, "variables": '{"f": [[{"hash": "dd", "algorithm": "OSHASH"}]]}'}
    body = client.http.get(client.url, params=parameters, headers={"ApiKey": KEY}).json()
    assert body["data"]["findScenesBySceneFingerprints"][0][0]["id"] == boxed.scenes[5]
