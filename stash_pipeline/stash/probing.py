"""One small request that tells whether anything changed: of every kind the number of objects and the newest stamp."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stash_pipeline.stash.client import StashClient, release_of
from stash_pipeline.stash.decoding import Part
from stash_pipeline.stash.query_plan import QueryPlan

PLAYED = "played"
"""Alias of the newest play: plays have a clock of their own."""

_STAMP_LENGTH = 64
_ALIAS = re.compile(r"^  (\w+): ", re.MULTILINE)
"""Of the kinds that a document of :func:`probe_document` asks for."""

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


def probe_document(plans: dict[str, QueryPlan]) -> str:
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


def read_probe(data: dict[str, Any], source: str = "The server answered probe") -> Probe:
    """The answer, understood; also one that was kept.

    Raises:
        UnexpectedResponseError: if it is not what was asked for.
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
        found = answer.get(name)
        newest = _newest(found)
        if name == PLAYED:
            result.played = newest
        else:
            result.counts[name] = found.get("count").number()
            result.newest[name] = newest
    return result


def _newest(found: Part) -> str | None:
    """The stamp of the object that comes first; None where there is none."""
    listed = [name for name, value in found.object().items() if name != "count" and value is not None]
    if len(listed) != 1:
        raise found.wrong("a count and a list")
    objects = found.get(listed[0]).items()
    if not objects:
        return None
    stamp = objects[0].get(next(iter(objects[0].object()), ""))
    text = stamp.text_or_none(_STAMP_LENGTH)
    if text is not None and not (text.isascii() and text.isprintable()):
        raise stamp.wrong("a time")
    return text


def probe(client: StashClient, document: str, deadline: float | None = None) -> dict[str, Any]:
    """Asks, in one request; what of the answer :func:`read_probe` understands, to be kept.

    Args:
        deadline: of the monotonic clock, when nobody waits for it any more.

    Raises:
        StashError: as of any request; a StashQueryError with ``validation`` where the server is another release.
    """
    data = client.execute(document, name="probe", deadline=deadline).data
    answer = client.part(data, "probe")
    for alias in _ALIAS.findall(document):
        # what is left out is no kind without objects
        answer.get(alias).object()
    return _kept(read_probe(data, f"{client.url} answered probe"))


def count_differences(here: Mapping[str, int], before: Probe, ask: Callable[[], Probe]) -> dict[str, tuple[int, int]]:
    """Kinds of which a server that stands still has another number of objects: (here, there).

    Args:
        here: how many there are here, per kind. before: what the server said before it was read.
        ask: asks the server again; called only where its first answer differs.
    """

    def differing(counts: Mapping[str, int]) -> dict[str, tuple[int, int]]:
        return {kind: (count, counts[kind]) for kind, count in here.items() if counts.get(kind, count) != count}

    if not differing(before.counts):
        return {}
    now = ask()
    # what was edited between the two answers may have been seen or not; one object created and one destroyed leave
    # the number as it was
    still = {kind for kind in here if (before.counts.get(kind), before.newest.get(kind)) == (
        now.counts.get(kind), now.newest.get(kind))}  # fmt: skip
    return {kind: both for kind, both in differing(now.counts).items() if kind in still}


def _kept(found: Probe) -> dict[str, Any]:
    """An answer that says this and nothing else: it is kept."""
    answer: dict[str, Any] = {
        name: {"count": count, "objects": [{"stamp": found.newest[name]}]} for name, count in found.counts.items()
    }
    answer["version"] = {"version": found.version}
    answer["systemStatus"] = {"databaseSchema": found.database_schema}
    if found.played is not None:
        answer[PLAYED] = {"objects": [{"stamp": found.played}]}
    return answer


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
