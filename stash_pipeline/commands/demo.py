"""``stash-pipeline demo``: syncs two simulated servers, asks a simulated stash-box, and searches what they have."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from stash_pipeline.commands.demo_examples import print_examples
from stash_pipeline.commands.demo_home import demo_home
from stash_pipeline.commands.extras import require_demo
from stash_pipeline.commands.output import console, table
from stash_pipeline.errors import UserError
from stash_pipeline.instances import edit_instance
from stash_pipeline.runtime.supervisor import interruptible
from stash_pipeline.settings import Settings, get_settings, load_settings, use_settings
from stash_pipeline.warehouse.session import open_warehouse

_OVERLAP = 7
"""The overlap seed: about half of each library is also in the other."""


@dataclass(frozen=True)
class _Server:
    name: str
    release: str
    timezone: str
    seed: int


SERVERS = (
    _Server("paris", "v0.30.1", "Europe/Paris", 1),
    _Server("denver", "v0.27.2", "America/Denver", 2),
)


_BOX = "demobox"
_BOX_REQUESTS_PER_MINUTE = 240


PACE_SECONDS: Final = 40.0
"""How often each of the servers changes: with two of them, something happens every 10 to 30 seconds."""
_BOX_PACE: Final = 3
"""How many times less often the box changes."""
_LIVELY: Final = {
    "changes_seconds": 10,
    "stashbox_minutes": 5,
    "stashbox_unmatched_days": 0.02,
    "stashbox_matched_days": 0.02,
}
"""Settings with which the pipeline notices soon what the servers and the box do."""


def _server_arguments(server: _Server, scenes: int, home: Path, pace: float | None) -> list[str]:
    return [
        "simulate", "--port", "0", "--scenes", str(scenes), "--seed", str(server.seed),
        "--overlap-seed", str(_OVERLAP), "--variants", "--release", server.release, "--timezone", server.timezone,
        "--keep", str(home / f"{server.name}.sqlite"), *([] if pace is None else ["--live", str(pace)]),
    ]  # fmt: skip


def _box_arguments(scenes: int, home: Path, pace: float | None) -> list[str]:
    seeds = [word for server in SERVERS for word in ("--for-seed", str(server.seed))]
    return [
        "simulate-box", "--port", "0", "--scenes", str(scenes), *seeds, "--overlap-seed", str(_OVERLAP), "--variants",
        "--keep", str(home / f"{_BOX}.sqlite"), *([] if pace is None else ["--live", str(pace * _BOX_PACE)]),
    ]  # fmt: skip


@contextmanager
def _simulated(arguments: list[str], log: Path) -> Iterator["subprocess.Popen[str]"]:
    """A simulated server in its own process; it prints its URL when it is ready."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "stash_pipeline", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # the terminal's Ctrl-C must not reach the simulators; the demo ends them itself
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url(process: "subprocess.Popen[str]", log: Path) -> str:
    stream: IO[str] | None = process.stdout
    assert stream is not None
    for line in stream:
        for word in line.split():
            if word.startswith("http://"):
                return word.rstrip(".,")
    raise UserError(f"A simulated server did not start: {log.read_text().strip() or 'it printed no error'}")


def demo(
    *,
    ui: bool,
    port: int | None,
    scenes: int | None,
    home: Path | None,
    still: bool = False,
    new: bool = False,
    pace: float = PACE_SECONDS,
) -> int:
    """The command; returns the exit code."""
    from stash_pipeline.runtime.supervisor import LOCAL, require_free

    require_demo("demo")
    port = port or get_settings().ui_port
    live = pace if ui and not still else None
    if ui:
        require_free(LOCAL, port)
    with demo_home(home, kept=ui, new=new, scenes=scenes) as (folder, count), ExitStack() as stack:
        # the demo never uses a configured warehouse
        settings = load_settings(home=folder, **({} if live is None else _LIVELY)).without_database()
        use_settings(settings)
        logs = {server: folder / f"{server.name}.log" for server in SERVERS}
        processes = {
            server: stack.enter_context(_simulated(_server_arguments(server, count, folder, live), log))
            for server, log in logs.items()
        }
        box_log = folder / f"{_BOX}.log"
        box = stack.enter_context(_simulated(_box_arguments(count, folder, live), box_log))
        console.print("Preparing two libraries and a stash-box, and starting a private Postgres ...")
        settings = stack.enter_context(open_warehouse(settings))
        outcomes = _sync(settings, {server: _url(processes[server], logs[server]) for server in SERVERS})
        if not all(outcome["success"] for outcome in outcomes) or not _ask_box(settings, _url(box, box_log)):
            return 1
        report_search(settings)
        if ui or home is not None:
            # without a folder of its own, everything is removed now
            print_examples(settings.home, changing=live is not None)
        if ui:
            _serve(settings, port, changing=live is not None)
    return 0


def _sync(settings: Settings, urls: dict[_Server, str]) -> list[dict[str, Any]]:
    from stash_pipeline.commands.sync import print_outcome, sync_instances
    from stash_pipeline.instances import add_instance, list_instances
    from stash_pipeline.warehouse.connect import connect

    with connect(settings.database() or "") as connection:
        present = {instance.name for instance in list_instances(connection)}
        for priority, (server, url) in enumerate(urls.items()):
            console.print(f"{server.name}: Stash {server.release} in {server.timezone}, at {url}")
            if server.name in present:
                edit_instance(connection, server.name, home=settings.home, url=url)
            else:
                add_instance(
                    connection, server.name, url, home=settings.home, priority=priority, timezone=server.timezone
                )
        # the mode with the most checks, so that their results can be viewed
        outcomes = sync_instances(settings, [server.name for server in urls], [], mode="sweep")
        for outcome in outcomes:
            if outcome["success"]:
                report(connection, outcome)
            else:
                print_outcome(outcome)
        if all(outcome["success"] for outcome in outcomes):
            report_matches(connection)
    return outcomes


def _ask_box(settings: Settings, url: str) -> bool:
    """Registers the box, reads it, and prints what it knows; returns whether that succeeded."""
    from stash_pipeline.commands.boxes_sync import print_box, run_boxes
    from stash_pipeline.commands.following import let_layers_follow
    from stash_pipeline.stashbox_registry import add_endpoint, edit_endpoint, list_endpoints
    from stash_pipeline.warehouse.connect import connect

    console.print(f"{_BOX}: a stash-box that knows a part of both libraries, at {url}", soft_wrap=True)
    with connect(settings.database() or "") as connection:
        if _BOX in {endpoint.name for endpoint in list_endpoints(connection)}:
            edit_endpoint(connection, _BOX, home=settings.home, url=url)
        else:
            add_endpoint(connection, _BOX, url, home=settings.home, requests_per_minute=_BOX_REQUESTS_PER_MINUTE)
        (outcome,) = run_boxes(settings, [_BOX])
        error = let_layers_follow(settings, "stash-pipeline demo")
        if error:
            raise UserError(error)
        if outcome["success"]:
            report_box(connection)
        else:
            print_box(outcome)
    return bool(outcome["success"])


_BOX_MATCHES = """
SELECT i.name, count(DISTINCT s.id), count(DISTINCT s.id) FILTER (WHERE c.action = 'automatic'),
    count(DISTINCT s.id) FILTER (WHERE c.action = 'review')
FROM ops.instances AS i JOIN stash.scenes AS s ON s.instance_id = i.id
LEFT JOIN matches.stashbox_candidates AS c ON c.instance_id = s.instance_id AND c.scene_id = s.id
GROUP BY i.name, i.priority ORDER BY i.priority
"""


def report_box(connection: Any) -> None:
    """Prints per server how many scenes the box knows."""
    columns = ["server", "scenes", "matched", "for a person to decide"]
    table("Scenes on the stash-box", columns, [list(row) for row in connection.execute(_BOX_MATCHES)], numbers=3)


_MATCHES = """
SELECT c.entity, count(*) FILTER (WHERE c.instances > 1), sum(c.size)::bigint,
    (SELECT count(*) FROM matches.links AS l WHERE l.entity = c.entity AND l.action = 'merge' AND l.refused IS NULL),
    (SELECT count(*) FROM matches.links AS l
        WHERE l.entity = c.entity AND (l.action = 'propose' OR l.refused IS NOT NULL)),
    (SELECT count(DISTINCT (d.kind, d.group_id, d.instance_id)) FROM matches.duplicates AS d
        WHERE d.entity = c.entity AND d.kind = 'same' AND NOT d.is_best_here)
FROM matches.clusters AS c GROUP BY 1
HAVING count(*) FILTER (WHERE c.size > 1) > 0 ORDER BY 2 DESC, 1
"""


def report_matches(connection: Any) -> None:
    """Prints per entity what both servers have, by how many links, and what one of them has twice."""
    from stash_pipeline.commands.duplicates import summary
    from stash_pipeline.warehouse.matches.duplicate_report import read_duplicates

    columns = ["entity", "on both servers", "objects", "links", "for a person to decide", "twice on one server"]
    rows = [list(row) for row in connection.execute(_MATCHES)]
    table("The same thing on both servers", columns, rows, numbers=5)
    totals = read_duplicates(connection, "files", limit=1).totals
    console.print(summary("files", totals), markup=False, highlight=False, soft_wrap=True)


_ON_BOTH: Final = r"""
SELECT d.title, d.people[1] FROM search.documents AS d
WHERE d.entity = 'scenes' AND cardinality(d.instance_ids) > 1 AND cardinality(d.performer_ids) > 0
  AND d.title ~ '^[A-Za-z]+( [A-Za-z]+)+$' AND d.title ~ '[a-z]{6}'
ORDER BY cardinality(d.people), d.id LIMIT 1
"""
_SHOWN: Final = 5


def report_search(settings: Settings) -> None:
    """Searches for a scene that lies on both servers, as a person would who hits a wrong key."""
    from stash_pipeline.commands.search_query import search_query
    from stash_pipeline.warehouse.connect import connect

    with connect(settings.database() or "") as connection:
        row = connection.execute(_ON_BOTH).fetchone()
    if row is None:
        # in a library of a few scenes, none may lie on both
        return
    title, performer = row
    query = f'kind:scene {_mistyped(title)} performer:"{performer}"'
    console.print(f"\nstash-pipeline search '{query}'", markup=False, highlight=False, soft_wrap=True)
    search_query([query], limit=_SHOWN, after=None, facets=[])


def _mistyped(title: str) -> str:
    """A title in lower case, with two letters of its longest word swapped."""
    words = title.lower().split()
    longest = max(words, key=len)
    place = len(longest) // 2
    wrong = longest[:place] + longest[place + 1] + longest[place] + longest[place + 2 :]
    words[words.index(longest)] = wrong if wrong != longest else longest[:place] + longest[place + 1 :]
    return " ".join(words)


def _serve(settings: Settings, port: int, *, changing: bool) -> None:
    from stash_pipeline.runtime.supervisor import serving

    console.print("Starting Dagster's UI ...")
    with interruptible(), suppress(KeyboardInterrupt), serving(settings, port) as running:
        console.print(
            f"Dagster's UI: {running.url} (the lineage: {running.url}/asset-groups). Stop it with Ctrl-C.",
            soft_wrap=True,
        )
        console.print(f"Everything is in {settings.home}; the next demo continues with it.", soft_wrap=True)
        if changing:
            console.print(
                f"The servers go on changing. What happens on them is in {SERVERS[0].name}.log and"
                f" {SERVERS[1].name}.log of that folder, what the pipeline makes of it in the UI, under Runs.",
                soft_wrap=True,
            )
        running.wait()


def report(connection: Any, outcome: dict[str, Any]) -> None:
    """Prints per entity: objects on the server, rows in the table, rows per second."""
    rows = []
    for entity, change in outcome["entities"].items():
        (count,) = connection.execute(
            f"SELECT count(*) FROM stash.{entity} t JOIN ops.instances i ON i.id = t.instance_id WHERE i.name = %s",
            [outcome["instance"]],
        ).fetchone()
        expected = change["expected"] if change["expected"] is not None else change["fetched"]
        speed = round(change["fetched"] / change["seconds"]) if change["seconds"] else None
        rows.append([entity, expected, count, speed])
    title = f"{outcome['instance']} ({outcome['release']}), {outcome['seconds']:.1f} s"
    table(title, ["entity", "on the server", "in Postgres", "rows/s"], rows, numbers=3)
