"""Download links of database copies: their lifetime, and whole and range requests."""

import gc
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from stash_pipeline.simulator.faults import Faults
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.simulator.conftest import BACKUP, Clock, Make, address_of, data, get_from

KEY = "a-key"


# --- links ----------------------------------------------------------------------------------------------


def test_the_download_name_has_the_version_and_the_local_time(make: Make) -> None:
    # the clock of these tests stands at ten o'clock in UTC
    parts = urlsplit(address_of(make(release="v0.26", timezone="Europe/Paris")))
    folder, name = parts.path.removeprefix("/downloads/").split("/")
    assert (parts.scheme, parts.netloc) == ("http", "stash")
    assert len(folder) == 8
    assert name == "stash-go.sqlite.58.20260601_120000"


@pytest.mark.parametrize("given", ["{download:false}", "{}"])
def test_a_backup_without_download_has_no_link(stash: SimulatedStash, given: str) -> None:
    assert data(stash.execute(f"mutation{{backupDatabase(input:{given})}}")) == {"backupDatabase": None}


def test_a_link_expires_after_its_first_request(stash: SimulatedStash, clock: Clock) -> None:
    address = address_of(stash)
    clock.advance(seconds=3600)
    assert get_from(stash.app, address).status_code == 200
    clock.advance(seconds=29)
    assert get_from(stash.app, address, Range="bytes=0-9").status_code == 206
    clock.advance(seconds=1)
    gone = get_from(stash.app, address)
    assert (gone.status_code, gone.text) == (404, "404 page not found\n")
    assert stash.downloads.folder is not None
    assert list(stash.downloads.folder.iterdir()) == []


def test_a_link_in_use_does_not_expire(stash: SimulatedStash, clock: Clock) -> None:
    address, others = address_of(stash), []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def slowly(message: Message) -> None:
            if message["type"] == "http.response.body":
                clock.advance(seconds=60)
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app=stash.app)) as client:
                    others.append((await client.get(address)).status_code)
            await send(message)

        await stash.app(scope, receive, slowly)

    assert get_from(app, address).status_code == 200
    assert set(others) == {200}
    assert get_from(stash.app, address).status_code == 404


def test_the_lifetime_of_links_is_configurable(stash: SimulatedStash) -> None:
    stash.backups = Backups(life=0)
    address, other = address_of(stash), address_of(stash)
    assert address != other
    assert [get_from(stash.app, one).status_code for one in (address, address, other)] == [200, 404, 200]


@pytest.mark.parametrize("path", ["/downloads/00000000/x", "/downloads/x", "/downloads/", "/downloads/../x"])
def test_an_unknown_link_is_not_found(stash: SimulatedStash, path: str) -> None:
    assert get_from(stash.app, path).status_code == 404


def test_files_are_removed_with_the_server(make: Make) -> None:
    stash = make()
    address_of(stash)
    folder = stash.downloads.folder
    assert folder is not None
    assert len(list(folder.iterdir())) == 1
    del stash
    gc.collect()
    assert not folder.exists()


# --- downloading ----------------------------------------------------------------------------------------


@pytest.fixture
def served(stash: SimulatedStash) -> Iterator[httpx.Client]:
    stash.backups = Backups(blobs=30)
    with stash.running() as server, http_client(base_url=server.url, timeout=60) as client:
        yield client


def _download_url(client: httpx.Client) -> str:
    return str(client.post("/graphql", json={"query": BACKUP}).json()["data"]["backupDatabase"])


def test_a_file_can_be_downloaded_whole_and_in_ranges(served: httpx.Client) -> None:
    address = _download_url(served)
    assert address.startswith(f"{served.base_url}/downloads/")
    whole = served.get(address)
    content, size = whole.content, len(whole.content)
    assert whole.status_code == 200
    assert whole.headers["Content-Length"] == str(size)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert content.startswith(b"SQLite format 3\0")
    for asked, start, end in (
        ("bytes=0-99", 0, 100),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=300000-{size + 9}", 300_000, size),
        (f"bytes=-{size + 9}", 0, size),
    ):
        part = served.get(address, headers={"Range": asked})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.headers["Content-Length"] == str(end - start)
        assert part.content == content[start:end]


@pytest.mark.parametrize("asked", ["bytes={size}-", "bytes={size}-{size}", "bytes=5-3", "bytes=-", "lines=1-2"])
def test_a_range_beyond_the_file_is_rejected(served: httpx.Client, asked: str) -> None:
    address = _download_url(served)
    size = int(served.get(address).headers["Content-Length"])
    refused = served.get(address, headers={"Range": asked.format(size=size)})
    assert refused.status_code == 416
    assert refused.headers["Content-Range"] == f"bytes */{size}"


def test_a_range_of_another_file_returns_the_whole_file(served: httpx.Client) -> None:
    address = _download_url(served)
    modified = served.get(address).headers["Last-Modified"]
    for condition, status in ((modified, 206), ("Thu, 01 Jan 2026 00:00:00 GMT", 200)):
        answer = served.get(address, headers={"Range": "bytes=5-", "If-Range": condition})
        assert answer.status_code == status


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE"])
def test_downloads_reject_other_http_methods(served: httpx.Client, method: str) -> None:
    assert served.request(method, _download_url(served)).status_code == 405


def test_an_interrupted_download_can_be_resumed(served: httpx.Client, stash: SimulatedStash) -> None:
    address = _download_url(served)
    whole = served.get(address).content
    stash.faults = Faults.of("drop:next=2")
    got = bytearray()
    for _ in range(2):
        with (
            pytest.raises(httpx.RemoteProtocolError),
            served.stream("GET", address, headers={"Range": f"bytes={len(got)}-"}) as answer,
        ):
            assert answer.status_code == 206
            for chunk in answer.iter_raw():
                got += chunk
    assert 0 < len(got) < len(whole)
    got += served.get(address, headers={"Range": f"bytes={len(got)}-"}).content
    assert got == whole


def test_a_download_can_end_early_without_an_error(served: httpx.Client, stash: SimulatedStash) -> None:
    address = _download_url(served)
    whole = served.get(address).content
    stash.faults = Faults.of("truncated:next=1")
    assert served.get(address).content == whole[: len(whole) // 2]


def test_other_faults_apply_to_downloads_too(served: httpx.Client, stash: SimulatedStash) -> None:
    address = _download_url(served)
    stash.faults = Faults.of("5xx:next=1")
    assert [served.get(address).status_code for _ in range(2)] == [503, 200]


def test_downloads_require_the_api_key(make: Make) -> None:
    stash = make()
    stash.api_key = KEY
    address = address_of(stash)
    assert KEY not in address
    assert get_from(stash.app, address).status_code == 401
    assert get_from(stash.app, address, ApiKey="wrong").status_code == 401
    assert get_from(stash.app, address, ApiKey=KEY).status_code == 200
    assert get_from(stash.app, f"{address}?apikey={KEY}").status_code == 200
