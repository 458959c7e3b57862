"""The metrics say what the tables of ops know, in few queries, and the dashboard queries what there is."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stash_pipeline.errors import UserError
from stash_pipeline.metrics.collect import PREFIX, registry_of, text_of
from stash_pipeline.metrics.serve import address_of, serving_metrics
from stash_pipeline.settings import Settings, load_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Servers
from stash_pipeline_tests.ports import free_port

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboard.json"

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def values(text: str) -> Values:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))] = sample.value
    return found


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted((name.replace("on", "stash_instance") if name == "on" else name, v) for name, v in given.items())
    )


@pytest.fixture(scope="module")
def settings(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with the address of two servers' database, in which something of everything happened."""
    with connect(servers.database_url) as connection:
        connection.execute(
            "INSERT INTO ops.sync_runs (instance_id, mode, lane, status, started_at, finished_at, seconds, requests, "
            "entities)\n"
            "SELECT id, 'reconcile', 'graphql', s.status, now() + s.later, now() + s.later + interval '2 s', 1.5, 7,\n"
            '    \'{"scenes": {"inserted": 3, "silent_changes": 2, "request_seconds": 0.25}}\'\n'
            "FROM ops.instances, (VALUES ('succeeded', interval '1 s'), ('failed', interval '2 s'),\n"
            "    ('failed', interval '3 s')) AS s(status, later)\n"
            "WHERE id = (SELECT min(id) FROM ops.instances)"
        )
        connection.execute(
            "INSERT INTO ops.stashbox_endpoints (name, url, dialect, requests_day, requests_used)\n"
            "VALUES ('box', 'https://box.test/graphql', 'stash-box', (now() AT TIME ZONE 'UTC')::date, 12)"
        )
        connection.execute(
            "INSERT INTO ops.notifications (cause, kind, subject, title, body)\n"
            "VALUES ('stale:x', 'stale', 'x', 't', 'b')"
        )
        connection.execute("CREATE SCHEMA IF NOT EXISTS dagster")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS dagster.runs (pipeline_name text, status text, create_timestamp timestamp)"
        )
        connection.execute(
            "INSERT INTO dagster.runs (pipeline_name, status, create_timestamp)\n"
            "VALUES ('refresh', 'SUCCESS', now() AT TIME ZONE 'UTC')"
        )
    return load_settings(home=tmp_path_factory.mktemp("home")).with_database(servers.database_url)


@pytest.fixture(scope="module")
def text(settings: Settings) -> str:
    return text_of(settings)


def test_the_state_of_an_instance(servers: Servers, text: str) -> None:
    name = min(servers.servers, key=lambda server: server.instance.id).instance.name
    found = values(text)
    assert found["up", ()] == 1
    assert found["instance_stale", labels(on=name)] == 0
    assert found["consecutive_failures", labels(on=name)] == 2
    assert found["last_sync_requests", labels(on=name)] == 7
    seconds = {phase: found["last_sync_seconds", labels(on=name, phase=phase)] for phase in ("requests", "read", "all")}
    assert seconds == {"requests": 0.25, "read": 1.5, "all": 2.0}
    assert found["syncs_last_day", labels(on=name, mode="reconcile", status="failed")] == 2
    assert found["objects_last_day", labels(on=name, change="silent_changes")] == 6
    assert found["last_success_timestamp_seconds", labels(on=name, mode="reconcile")] > 1.7e9


def test_rows_are_those_of_the_tables(servers: Servers, text: str) -> None:
    found = values(text)
    with connect(servers.database_url) as connection:
        (scenes,) = connection.execute("SELECT count(*) FROM stash.scenes").fetchone() or (0,)
        (records,) = connection.execute("SELECT count(*) FROM catalog.scenes").fetchone() or (0,)
    counted = [value for (name, keys), value in found.items() if name == "rows" and ("table", "stash.scenes") in keys]
    assert sum(counted) == scenes > 0
    assert found["shared_rows", labels(table="catalog.scenes")] == records > 0


def test_layers_boxes_runs_and_causes(text: str) -> None:
    found = values(text)
    assert found["layer_failing", labels(layer="catalog")] == 0
    assert found["stash_box_requests_today", labels(box="box")] == 12
    assert found["stash_box_requests_limit", labels(box="box")] == 10_000
    assert found["runs_last_day", labels(job="refresh", status="success")] == 1
    assert found["open_causes", labels(kind="stale")] == 1


def test_a_scrape_reads_no_table_of_the_library(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from stash_pipeline.metrics import collect

    seen: list[str] = []

    class Watching:
        def __init__(self, connection: object) -> None:
            self.connection = connection

        def execute(self, query: str, *arguments: object) -> object:
            seen.append(query)
            return self.connection.execute(query, *arguments)  # type: ignore[attr-defined]

    with connect(settings.database() or "") as connection:
        list(collect._metrics(Watching(connection), settings))  # type: ignore[arg-type]
    assert 5 < len(seen) < 20
    read = set(re.findall(r"(?:FROM|JOIN) (\w+\.\w+)", " ".join(seen)))
    assert {name for name in read if not name.startswith("ops.")} <= {
        "catalog.row_counts", "search.row_counts", "search.states", "search.indexes", "dagster.runs", "catalog.changes",
        "search.documents", "search.vanished", "l.finished_at",
    }  # fmt: skip


def test_the_dashboard_queries_metrics_that_exist(text: str) -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queried = {name for query in queries for name in re.findall(rf"\b{PREFIX}\w+", query)}
    there = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert queried - there == set()
    # and shows all of them
    assert there - queried == {f"{PREFIX}info", f"{PREFIX}search_index_bytes"}
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    by_label = {name: set(dict(keys)) for (name, keys) in values(text)}
    for query in queries:
        name = re.search(rf"\b{PREFIX}(\w+)", query)
        assert name is not None
        for label in re.findall(r"(\w+)=~?\"", query) + re.findall(r"by \(([\w, ]+)\)", query):
            assert set(label.replace(" ", "").split(",")) <= by_label[name[1]], query


def test_metrics_are_served(settings: Settings) -> None:
    with serving_metrics(lambda: settings, "127.0.0.1", 0) as url, urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert values(answer.read().decode())["up", ()] == 1


def test_a_database_that_does_not_answer_is_a_metric() -> None:
    settings = load_settings(database_url=f"postgresql://user:hidden-secret@127.0.0.1:{free_port()}/gone")
    text = generate_latest(registry_of(lambda: settings)).decode()
    assert values(text) == {("up", ()): 0.0}
    assert "hidden-secret" not in text


def test_a_port_in_use_is_named(settings: Settings) -> None:
    with serving_metrics(lambda: settings, "127.0.0.1", 0) as url:
        port = int(url.split(":")[2].split("/")[0])
        with (
            pytest.raises(UserError, match=f"Metrics cannot be served at port {port}"),
            serving_metrics(lambda: settings, "127.0.0.1", port),
        ):
            pass
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("metrics.test:1", ("metrics.test", 1)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert address_of(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "1:2:3", "127.0.0.1:70000"])
def test_invalid_addresses_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not an address; give a port"):
        address_of(text)
