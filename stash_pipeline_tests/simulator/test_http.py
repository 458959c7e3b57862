"""Keys, status codes, content types and caching."""

import json
from collections.abc import Iterator

import httpx
import pytest

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.simulator.conftest import client_of

KEY = "a-key"
VERSION = {"query": "{version{version}}"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def open_client(reader: SimulatedStash) -> Iterator[httpx.Client]:
    yield from client_of(reader)


@pytest.fixture
def locked_client(small_library: Library) -> Iterator[httpx.Client]:
    yield from client_of(SimulatedStash(small_library, api_key=KEY))


@pytest.fixture
def old_client(small_library: Library) -> Iterator[httpx.Client]:
    yield from client_of(SimulatedStash(small_library, release="v0.20"))


def test_a_server_without_credentials_rejects_any_key(open_client: httpx.Client) -> None:
    assert open_client.post("/graphql", json=VERSION).status_code == 200
    refused = open_client.post("/graphql", json=VERSION, headers={"ApiKey": "x"})
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["WWW-Authenticate"] == "FormBased"
    assert open_client.get("/performer/1/image", params={"apikey": "x"}).status_code == 401


def test_old_releases_answer_500_to_an_unnecessary_key(old_client: httpx.Client) -> None:
    refused = old_client.post("/graphql", json=VERSION, headers={"ApiKey": "x"})
    assert (refused.status_code, refused.text) == (500, "unauthorized")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/graphql?query={version{version}}", {"ApiKey": KEY}, 200),
        ("/graphql?query={version{version}}", {"apikey": KEY}, 200),
        (f"/graphql?query={{version{{version}}}}&apikey={KEY}", {}, 200),
        ("/graphql?query={version{version}}", {"Authorization": f"Bearer {KEY}"}, 401),
        ("/graphql?query={version{version}}", {"ApiKey": "wrong"}, 401),
        ("/graphql?query={version{version}}", {}, 401),
        ("/scene/1/stream.mp4", {}, 401),
        ("/performer/1/image", {}, 302),
        ("/performer/1/image", {"ApiKey": "wrong"}, 401),
        (f"/performer/1/image?apikey={KEY}", {}, 200),
        ("/healthz", {}, 200),
    ],
)
def test_a_server_with_credentials_requires_the_key(
    locked_client: httpx.Client, path: str, headers: dict[str, str], status: int
) -> None:
    assert locked_client.get(path, headers=headers).status_code == status


def test_an_unauthorized_image_request_redirects_to_the_login_page(locked_client: httpx.Client) -> None:
    response = locked_client.get("/performer/3/image?t=1")
    assert response.headers["Location"] == "/login?returnURL=%2Fperformer%2F3%2Fimage%3Ft%3D1"
    followed = locked_client.get("/performer/3/image", follow_redirects=True)
    assert followed.status_code == 200
    assert followed.headers["Content-Type"].startswith("text/html")


def test_responses_contain_the_key_only_in_stream_urls(locked_client: httpx.Client) -> None:
    query = '{findScene(id:"1"){paths{stream screenshot preview}}}'
    response = locked_client.post("/graphql", json={"query": query}, headers={"ApiKey": KEY})
    paths = response.json()["data"]["findScene"]["paths"]
    assert [name for name, value in paths.items() if KEY in value] == ["stream"]


def test_urls_use_the_requested_host(open_client: httpx.Client) -> None:
    query = {"query": '{findScene(id:"1"){paths{preview}}}'}
    response = open_client.post("/graphql", json=query, headers={"Host": "stash.example:8443"})
    preview = response.json()["data"]["findScene"]["paths"]["preview"]
    assert preview == "http://stash.example:8443/scene/1/preview"


def test_get_requests_can_query_but_not_mutate(open_client: httpx.Client) -> None:
    query = {
        "query": "query($i:ID!){findScene(id:$i){id}}",
        "variables": json.dumps({"i": "2"}),
    }
    assert open_client.get("/graphql", params=query).json() == {"data": {"findScene": {"id": "2"}}}
    change = {"query": 'mutation{sceneUpdate(input:{id:"1"}){id}}'}
    assert open_client.get("/graphql", params=change).status_code == 406


def test_batched_requests_are_rejected_and_aliases_are_accepted(open_client: httpx.Client) -> None:
    assert open_client.post("/graphql", json=[VERSION, VERSION]).status_code == 400
    aliases = {"query": "{a:version{version} b:version{version}}"}
    assert set(open_client.post("/graphql", json=aliases).json()["data"]) == {"a", "b"}


@pytest.mark.parametrize("body", ["{", "[]", '"text"', "{}", '{"query":5}'])
def test_an_invalid_request_body_is_rejected(open_client: httpx.Client, body: str) -> None:
    response = open_client.post("/graphql", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400


def test_only_accept_json_is_compressed_since_v0_29(open_client: httpx.Client) -> None:
    query = {"query": "{findScenes{scenes{id title details}}}"}
    plain = open_client.post("/graphql", json=query, headers=JSON)
    other = open_client.post("/graphql", json=query, headers={"Accept": "*/*"})
    assert plain.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Content-Type"] == "application/json"
    assert "Content-Encoding" not in other.headers
    assert other.headers["Content-Type"] == "application/graphql-response+json"
    assert plain.content == other.content


def test_missing_variables_are_rejected(open_client: httpx.Client) -> None:
    query = {"query": "query($i:ID!){findScene(id:$i){id}}"}
    response = open_client.post("/graphql", json=query, headers=JSON)
    assert response.status_code == 422
    assert response.json()["data"] is None


def test_images_are_read_only_and_cached_by_content(open_client: httpx.Client, reader: SimulatedStash) -> None:
    performer = reader.library.scalar("SELECT id FROM performers WHERE image_blob IS NOT NULL")
    checksum = reader.library.scalar("SELECT image_blob FROM performers WHERE id = ?", (performer,))
    address = f"/performer/{performer}/image"
    assert open_client.head(address).status_code == 405
    image = open_client.get(address)
    assert image.headers["ETag"] == f'"{checksum}"'
    assert image.headers["Cache-Control"] == "no-cache"
    assert "immutable" in open_client.get(address, params={"t": "1"}).headers["Cache-Control"]
    again = open_client.get(address, headers={"If-None-Match": image.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_missing_image_is_marked_in_its_url_and_served_as_a_placeholder(
    open_client: httpx.Client, reader: SimulatedStash
) -> None:
    tag = reader.library.scalar("SELECT id FROM tags WHERE image_blob IS NULL")
    query = {"query": f'{{findTag(id:"{tag}"){{image_path}}}}'}
    path = open_client.post("/graphql", json=query).json()["data"]["findTag"]["image_path"]
    assert path.endswith("&default=true")
    assert open_client.get(path).headers["Content-Type"] == "image/svg+xml"


def test_latency_and_faults_can_be_injected(small_library: Library) -> None:
    from starlette.responses import Response

    stash = SimulatedStash(small_library, latency=0.05)

    async def broken(request: object, usual: object) -> Response:
        return Response(status_code=503)

    with stash.running() as server, http_client(base_url=server.url, timeout=60) as client:
        assert client.post("/graphql", json=VERSION).elapsed.total_seconds() >= 0.05
        stash.app.state.frontdoor.fault = broken
        assert client.post("/graphql", json=VERSION).status_code == 503
        stash.app.state.frontdoor.fault = None
        assert client.post("/graphql", json=VERSION).status_code == 200


def test_the_application_can_be_used_without_a_socket(reader: SimulatedStash) -> None:
    import asyncio

    async def ask() -> int:
        transport = httpx.ASGITransport(app=reader.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://stash") as client:
            return (await client.post("/graphql", json=VERSION)).status_code

    assert asyncio.run(ask()) == 200
