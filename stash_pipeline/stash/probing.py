"""The probe: one small request that shows whether anything changed, by count and newest timestamp of each entity."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.stash.client import StashClient, release_of
from stash_pipeline.stash.decoding import Part
from stash_pipeline.stash.query_plan import QueryPlan

PLAYED = "played"
"""Alias of the newest play; plays have their own timestamps."""

_STAMP_LENGTH = 64
_ALIAS = re.compile(r"^  (\w+): ", re.MULTILINE)
"""Finds the aliases of the entities in a :func:`probe_document`."""

_NEWEST = '(filter: {per_page: 1, sort: "%s", direction: DESC})'


@dataclass
class Probe:
    """The state of a server.

    Attributes:
        counts: objects per entity. newest: the newest timestamp per entity, as text; None if there are no objects.
        played: the newest play.
    """

    version: str = ""
    database_schema: int | None = None
    counts: dict[str, int] = field(default_factory=dict)
    newest: dict[str, str | None] = field(default_factory=dict)
    played: str | None = None


def probe_document(plans: dict[str, QueryPlan]) -> str:
    """The query, with one alias per entity that the server can count."""
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


def read_probe(data: dict[str, Any], source: str = "The server answered probe") -> Probe:
    """Parses a response, or a stored one.

    Raises:
        UnexpectedResponseError: if the data do not match the query.
    """
    answer = Part(data, source)
    status = answer.get("systemStatus")
    schema = None if status.value is None else status.get("databaseSchema")
    result = Probe(
        release_of(answer.get("version")), None if schema is None or schema.value is None else schema.number()
    )
    for name in data:
        if name in ("version", "systemStatus"):
            continue
        listing = answer.get(name)
        newest = _newest(listing)
        if name == PLAYED:
            result.played = newest
        else:
            result.counts[name] = listing.get("count").number()
            result.newest[name] = newest
    return result


def _newest(listing: Part) -> str | None:
    """The timestamp of the first object; None if there is none."""
    lists = [name for name, value in listing.object().items() if name != "count" and value is not None]
    if len(lists) != 1:
        raise listing.unexpected("a count and a list")
    objects = listing.get(lists[0]).items()
    if not objects:
        return None
    stamp = objects[0].get(next(iter(objects[0].object()), ""))
    text = stamp.text_or_none(_STAMP_LENGTH)
    if text is not None and not (text.isascii() and text.isprintable()):
        raise stamp.unexpected("a time")
    return text


def probe(client: StashClient, document: str, deadline: float | None = None) -> dict[str, Any]:
    """Sends the query; returns the part of the response that :func:`read_probe` uses, for storage.

    Args:
        deadline: by the monotonic clock.

    Raises:
        StashError: as for any request; a StashQueryError with ``validation`` if the server runs another release.
    """
    data = client.execute(document, name="probe", deadline=deadline).data
    answer = client.part(data, "probe")
    for alias in _ALIAS.findall(document):
        # a missing entity is not an entity without objects
        answer.get(alias).object()
    return _stored_form(read_probe(data, f"{client.url} answered probe"))


def count_differences(
    local_counts: Mapping[str, int], before: Probe, ask: Callable[[], Probe]
) -> dict[str, tuple[int, int]]:
    """Entities whose number of objects differs while the server does not change: (local count, server count).

    Args:
        local_counts: per entity. before: the server's state before it was read.
        ask: probes the server again; called only if the first counts differ.
    """

    def differing(server_counts: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        return {
            name: (count, server_counts[name])
            for name, count in local_counts.items()
            if server_counts.get(name, count) != count
        }

    if not differing(before.counts):
        return {}
    now = ask()
    # an edit between the two probes may or may not have been read; one create and one delete leave the count unchanged
    unchanged = {
        name
        for name in local_counts
        if (before.counts.get(name), before.newest.get(name)) == (now.counts.get(name), now.newest.get(name))
    }
    return {name: counts for name, counts in differing(now.counts).items() if name in unchanged}


def _stored_form(state: Probe) -> dict[str, Any]:
    """A response with exactly these values, for storage."""
    answer: dict[str, Any] = {
        name: {"count": count, "objects": [{"stamp": state.newest[name]}]} for name, count in state.counts.items()
    }
    answer["version"] = {"version": state.version}
    answer["systemStatus"] = {"databaseSchema": state.database_schema}
    if state.played is not None:
        answer[PLAYED] = {"objects": [{"stamp": state.played}]}
    return answer


def change_reasons(before: Probe, now: Probe) -> list[str]:
    """The reasons for a refresh, a few words each; empty if nothing changed."""
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
