"""One small request that tells whether anything changed: of every kind the number of objects and the newest stamp."""

from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.stash.answers import as_count, wrong
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.planning import Plan

PLAYED = "played"
"""Alias of the newest play: plays have a clock of their own."""

_NEWEST = '(filter: {per_page: 1, sort: "%s", direction: DESC})'


@dataclass
class Probe:
    """What a server says of itself.

    Attributes:
        counts: objects per kind. newest: the newest stamp per kind, as text; None where there is no object.
        played: the newest play.
    """

    version: str = ""
    database_schema: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    newest: dict[str, str | None] = field(default_factory=dict)
    played: str | None = None


def probe_document(plans: dict[str, Plan]) -> str:
    """The query: an alias per kind that the server can count."""
    lines = ["  version { version }", "  systemStatus { databaseSchema }"]
    for name, plan in plans.items():
        if not plan.query or not plan.result or plan.entity.whole:
            continue
        of = _NEWEST % "updated_at"
        lines.append(f"  {name}: {plan.query}{of} {{ count {plan.result} {{ updated_at }} }}")
        if "last_played_at" in plan.tree:
            of = _NEWEST % "last_played_at"
            lines.append(f"  {PLAYED}: {plan.query}{of} {{ {plan.result} {{ last_played_at }} }}")
    return "query Probe {\n" + "\n".join(lines) + "\n}\n"


def read_probe(data: dict[str, Any]) -> Probe:
    """The answer, understood; also one that was kept.

    Raises:
        StashBadAnswer: if it is not what was asked for.
    """
    result = Probe()
    for name, found in data.items():
        if not isinstance(found, dict):
            raise wrong(name, found, "an object")
        if name == "version":
            result.version = str(found.get("version") or "")
        elif name == "systemStatus":
            result.database_schema = found.get("databaseSchema")
        elif name == PLAYED:
            result.played = _newest(name, found)
        else:
            result.counts[name] = as_count(found.get("count"), f"{name}.count")
            result.newest[name] = _newest(name, found)
    return result


def _newest(name: str, found: dict[str, Any]) -> str | None:
    """The only value of the first object in the only list."""
    listed = next((value for value in found.values() if isinstance(value, list)), [])
    if not listed:
        return None
    if not isinstance(listed[0], dict):
        raise wrong(f"{name}[0]", listed[0], "an object")
    stamp = next(iter(listed[0].values()), None)
    if stamp is not None and not isinstance(stamp, str):
        raise wrong(f"{name}[0]", stamp, "a time")
    return stamp


def probe(client: StashClient, document: str) -> dict[str, Any]:
    """Asks, in one request; the answer as it came.

    Raises:
        StashError: as of any request; a StashQueryError with ``validation`` where the server is another release.
    """
    return client.execute(document, name="probe").data


def what_changed(before: Probe, now: Probe) -> list[str]:
    """Why a refresh is due, a few words each; empty if nothing tells so."""
    reasons = []
    if before.version != now.version:
        reasons.append(f"release {before.version or 'unknown'} → {now.version}")
    if before.database_schema != now.database_schema:
        reasons.append(f"database schema {before.database_schema} → {now.database_schema}")
    for name, count in now.counts.items():
        difference = count - before.counts.get(name, 0)
        if difference:
            reasons.append(f"{difference:+} {name}")
        elif before.newest.get(name) != now.newest.get(name):
            reasons.append(f"{name} edited")
    if before.played != now.played:
        reasons.append("scenes played")
    return reasons
