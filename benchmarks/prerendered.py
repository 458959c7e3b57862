"""A library whose answers are ready: the server's own work costs nothing, so that what is measured is ours.

Objects are rendered once, in order of id, into one file per kind; an answer is a slice of that file. The shape is a
real server's (v0.30), the content is invented. ``python benchmarks/prerendered.py FOLDER PORT`` serves it over HTTP
with the latency of a real server (milliseconds per object, by kind).
"""

import asyncio
import json
import os
import random
import re
import sys
from array import array
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import Answer, StashClient, answer_hash
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.read_request import LISTED, incremental_plan, listing_plan
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema
from stash_pipeline.stash.selection import Tree

STAMP = "2026-11-20T20:42:02+01:00"
PLAYED = "2025-01-01T12:00:00Z"
BOX = "https://box.example/graphql"

QUERIES = {
    "findTags": "tags",
    "findFolders": "folders",
    "findFiles": "files",
    "findStudios": "studios",
    "findPerformers": "performers",
    "findGroups": "groups",
    "findImages": "images",
    "findGalleries": "galleries",
    "findScenes": "scenes",
    "findSceneMarkers": "scene_markers",
}

MILLISECONDS = {"scenes": 1.6, "files": 0.44, "performers": 0.55, "scene_markers": 0.77}
"""Per object, as measured on a real server with two cores; the others are cheap."""


def _references(draw: random.Random, count: int, of: int) -> list[dict[str, str]]:
    return [{"id": str(number)} for number in draw.sample(range(1, of + 1), min(count, of))]


def _objects(kind: str, scenes: int) -> Iterator[dict[str, Any]]:
    draw = random.Random(f"{kind} {scenes}")
    sizes = counts(scenes)
    stamps = {"created_at": STAMP, "updated_at": STAMP}
    for n in range(1, sizes[kind] + 1):
        head = {"id": str(n), **stamps}
        if kind == "scenes":
            # a tenth was ever played, and a twentieth has an o
            played, o = n % 10 == 0, n % 20 == 0
            yield {
                **head, "title": f"Scene {n} of the copper harbour", "code": f"SC-{n}", "details": "A walk. " * 20,
                "director": "Marlow Tessling", "urls": [f"https://example.invalid/{n}"], "date": "2020-01-01",
                "rating100": 50, "organized": True, "o_counter": int(o), "interactive": False,
                "interactive_speed": None, "captions": None, "last_played_at": PLAYED if played else None,
                "resume_time": 0, "play_duration": 0, "play_count": int(played),
                "play_history": [PLAYED] if played else [], "o_history": [PLAYED] if o else [],
                "files": [{"id": str(n)}],
                "paths": {
                    name: f"http://127.0.0.1:9999/scene/{n}/{name}?t=1795203722"
                    for name in ("screenshot", "preview", "webp", "vtt", "sprite", "funscript",
                                 "interactive_heatmap", "caption")
                },
                "galleries": [], "studio": {"id": str(n % sizes["studios"] + 1)}, "groups": [],
                "tags": _references(draw, 10, sizes["tags"]), "performers": _references(draw, 2, sizes["performers"]),
                "stash_ids": [{"endpoint": BOX, "stash_id": f"00000001-0000-4000-8000-{n:012d}", "updated_at": STAMP}],
            }  # fmt: skip
        elif kind == "files":
            yield {
                **head, "__typename": "VideoFile", "path": f"/media/{n % 100}/scene {n}.mp4",
                "basename": f"scene {n}.mp4", "parent_folder": {"id": str(n % sizes["folders"] + 1)},
                "zip_file": None, "mod_time": STAMP, "size": 10_000_000 + n, "format": "mp4", "width": 3840,
                "height": 2160, "duration": 1592.5, "video_codec": "hevc", "audio_codec": "", "frame_rate": 29.97,
                "bit_rate": 8_000_025,
                "fingerprints": [
                    {"type": "md5", "value": f"{n:032x}"}, {"type": "oshash", "value": f"{n:016x}"},
                    {"type": "phash", "value": f"{draw.getrandbits(64):x}"},
                ],
            }  # fmt: skip
        elif kind == "scene_markers":
            yield {
                **head, "scene": {"id": str(n)}, "title": "Marker", "seconds": 21.5, "end_seconds": None,
                "primary_tag": {"id": str(n % sizes["tags"] + 1)}, "tags": _references(draw, 1, sizes["tags"]),
                "preview": f"http://127.0.0.1:9999/scene/{n}/p", "screenshot": f"http://127.0.0.1:9999/scene/{n}/s",
            }  # fmt: skip
        elif kind == "folders":
            yield {**head, "path": f"/media/{n}", "parent_folder": None, "zip_file": None, "mod_time": STAMP}
        else:
            yield {**head, "name": f"{kind} {n}", "aliases": [], "alias_list": [f"alias {n}"], "urls": [],
                   "tags": _references(draw, 1, sizes["tags"]) if kind == "performers" else [],
                   "parents": [{"id": "1"}] if kind == "tags" and n > 1 else [], "stash_ids": []}  # fmt: skip


def counts(scenes: int) -> dict[str, int]:
    """How many of each kind go with so many scenes: the proportions of the 50,000 that are asked for."""
    return {
        "tags": max(scenes * 3000 // 50_000, 10), "folders": 100, "files": scenes * 105 // 100,
        "studios": max(scenes // 100, 1), "performers": max(scenes // 10, 5), "groups": 0, "images": 0,
        "galleries": 0, "scenes": scenes, "scene_markers": scenes // 3,
    }  # fmt: skip


def render(folder: Path, scenes: int) -> None:
    """Writes the library into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in QUERIES.values():
        offsets = array("Q", [0])
        with (folder / f"{kind}.json").open("wb") as file:
            for value in _objects(kind, scenes):
                file.write(orjson.dumps(value) + b",")
                offsets.append(file.tell())
        (folder / f"{kind}.offsets").write_bytes(offsets.tobytes())
    schema = SimulatedStash(Library.create(), release="v0.30.1").execute(INTROSPECTION, None)
    (folder / "introspection.json").write_bytes(orjson.dumps(schema))
    for kind, tree in _listings(schema).items():
        offsets = array("Q", [0])
        with (folder / f"{kind}.listing.json").open("wb") as file:
            for value in _objects(kind, scenes):
                file.write(orjson.dumps(_reduced(value, tree)) + b",")
                offsets.append(file.tell())
        (folder / f"{kind}.listing.offsets").write_bytes(offsets.tobytes())


def _listings(schema: dict[str, Any]) -> dict[str, Tree]:
    """What a listing selects, per kind that has one."""
    plans = plan_library(ServerSchema(schema["data"]))
    return {kind: listing_plan(plans[kind]).tree for kind in LISTED}


def _reduced(value: Any, tree: Tree) -> Any:
    """An object with no more than what is selected."""
    if not tree or value is None:
        return value
    if isinstance(value, list):
        return [_reduced(one, tree) for one in value]
    return {name: _reduced(value.get(name), inner) for name, inner in tree.items()}


class Prerendered:
    """Answers the mirror's requests from the rendered files."""

    def __init__(self, folder: Path) -> None:
        self.introspection = (folder / "introspection.json").read_bytes()
        self.offsets: dict[str, array[int]] = {}
        # files that are read, not mapped: a map would count as memory of the process that is measured
        self.bodies: dict[str, int] = {}
        for kind in (*QUERIES.values(), *(f"{kind}.listing" for kind in LISTED)):
            offsets = array("Q")
            offsets.frombytes((folder / f"{kind}.offsets").read_bytes())
            self.offsets[kind] = offsets
            self.bodies[kind] = os.open(folder / f"{kind}.json", os.O_RDONLY)
        plans = plan_library(ServerSchema(orjson.loads(self.introspection)["data"]))
        listings = {kind: listing_plan(plans[kind]) for kind in LISTED}
        self.listings = {
            document for plan in listings.values() for document in (plan.page_document(), plan.ids_document())
        }
        self.hints = {kind: incremental_plan(plan).tree for kind, plan in plans.items() if plan.query and plan.result}
        self.edited: dict[str, dict[int, dict[str, Any]]] = {kind: {} for kind in QUERIES.values()}

    def edit(self, kind: str, ids: Iterable[int], stamp: str) -> None:
        """Gives objects another title and timestamp."""
        for identifier in ids:
            value = orjson.loads(self._slice(kind, identifier, identifier))
            value["title"] = f"edited at {stamp}"
            value["updated_at"] = stamp
            self.edited[kind][identifier] = value

    def _slice(self, name: str, first: int, last: int) -> bytes:
        """Objects first … last as they stand in the file, without the comma at the end."""
        offsets = self.offsets[name]
        if last < first:
            return b""
        return os.pread(self.bodies[name], offsets[last] - 1 - offsets[first - 1], offsets[first - 1])

    def _probe(self, document: str) -> bytes:
        found: dict[str, Any] = {"version": {"version": "v0.30.1"}, "systemStatus": {"databaseSchema": 75}}
        for alias, query in re.findall(r"  (\w+): (find\w+)\(", document):
            kind = QUERIES[query]
            newest = max([STAMP, *(value["updated_at"] for value in self.edited[kind].values())])
            field = "last_played_at" if alias == "played" else "updated_at"
            listed = [{field: None if alias == "played" else newest}] if len(self.offsets[kind]) > 1 else []
            found[alias] = {kind: listed} if alias == "played" else {"count": len(self.offsets[kind]) - 1, kind: listed}
        return orjson.dumps({"data": found})

    def _hint(self, query: str, variables: dict[str, Any]) -> tuple[bytes, float]:
        """What was edited since; the server looks at every row for that, so that it costs by their number."""
        kind = QUERIES[query]
        criterion = variables["entity_filter"]
        since = criterion["updated_at"]["value"]
        ids = sorted(i for i, value in self.edited[kind].items() if value["updated_at"] > since)
        by_id = criterion.get("id") or {"modifier": "GREATER_THAN", "value": 0}
        last = by_id.get("value2", len(self.offsets[kind]))
        start = by_id["value"] + (by_id["modifier"] == "GREATER_THAN")
        page = variables["filter"]
        found = [i for i in ids if start <= i <= last]
        if page.get("direction") == "DESC":
            found.reverse()
        found = found[: page["per_page"]]
        objects = [_reduced(self.edited[kind][i], self.hints[kind]) for i in found]
        milliseconds = len(self.offsets[kind]) / 1000 + MILLISECONDS.get(kind, 0.1) * len(found)
        return orjson.dumps({"data": {query: {"count": len(ids), kind: objects}}}), milliseconds

    def respond(self, document: str, variables: dict[str, Any]) -> tuple[bytes, float]:
        """(the answer, the milliseconds that a real server would take)."""
        if "__schema" in document:
            return self.introspection, 0.0
        if "systemStatus {status" in document or "systemStatus{status" in document:
            return b'{"data":{"version":{"version":"v0.30.1"},"systemStatus":{"status":"OK","databaseSchema":75}}}', 0.0
        if "configuration" in document:
            return (
                b'{"data":{"configuration":{"general":{"stashes":[],"stashBoxes":[]},"interface":{"language":"en-US"}}}}',
                0.0,
            )
        if "findSavedFilters" in document:
            return b'{"data":{"findSavedFilters":[]}}', 0.0
        if document.startswith("query Probe"):
            return self._probe(document), 30.0
        match = re.search(r"(find\w+)\(", document)
        assert match is not None
        kind = QUERIES[match[1]]
        criterion = variables.get("entity_filter") or {}
        if "updated_at" in criterion:
            return self._hint(match[1], variables)
        if "captions" in criterion:
            return orjson.dumps({"data": {match[1]: {"count": 0, kind: []}}}), 30.0
        total = len(self.offsets[kind]) - 1
        first, last = self._range(variables, total)
        if "\n    count\n" in document:
            ids = ",".join(f'{{"id":"{n}"}}' for n in range(first, last + 1))
            return f'{{"data":{{"{match[1]}":{{"count":{total},"{kind}":[{ids}]}}}}}}'.encode(), 0.04 * (last - first)
        head = f'{{"data":{{"{match[1]}":{{"{kind}":['.encode()
        listing = document in self.listings
        if self.edited[kind] and variables.get("ids"):
            objects = [self._object(kind, int(identifier), listing) for identifier in variables["ids"]]
            body = b",".join(objects)
        else:
            body = self._slice(f"{kind}.listing" if listing else kind, first, last)
        return head + body + b"]}}}", MILLISECONDS.get(kind, 0.1) * (last - first + 1) * (0.2 if listing else 1)

    def _object(self, kind: str, identifier: int, listing: bool) -> bytes:
        value = self.edited[kind].get(identifier)
        if value is None:
            return self._slice(f"{kind}.listing" if listing else kind, identifier, identifier)
        return orjson.dumps(_reduced(value, self.hints[kind]) if listing else value)

    def _range(self, variables: dict[str, Any], total: int) -> tuple[int, int]:
        """First and last id of the answer; ids are 1 … total."""
        if variables.get("ids"):
            return int(variables["ids"][0]), int(variables["ids"][-1])
        page = variables.get("filter") or {}
        size = page.get("per_page", 25)
        if page.get("direction") == "DESC":
            return max(total - size + 1, 1), total
        criterion = (variables.get("entity_filter") or {}).get("id") or {}
        start, end = 1, total
        if criterion.get("modifier") == "GREATER_THAN":
            start = criterion["value"] + 1
        elif criterion.get("modifier") == "BETWEEN":
            start, end = criterion["value"], min(criterion["value2"], total)
        start += (page.get("page", 1) - 1) * size
        return start, min(end, start + size - 1)


class DiskClient(StashClient):
    """A client whose server is a folder."""

    def __init__(self, library: Prerendered) -> None:
        super().__init__("http://127.0.0.1:9999")
        self.library = library
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def execute(
        self,
        document: str,
        variables: dict[str, Any] | None = None,
        *,
        name: str = "query",
        cached: Container[bytes] = (),
        **_: Any,
    ) -> Answer:
        """The answer, parsed as the real client does."""
        self.asked.append((document, variables or {}))
        self.requests += 1
        body, _ = self.library.respond(document, variables or {})
        digest = answer_hash(body)
        if digest in cached:
            return Answer({}, len(body), 0.0, digest, cached=True)
        return Answer(orjson.loads(body)["data"], len(body), 0.0, digest)


async def _serve(folder: Path, port: int) -> None:
    library = Prerendered(folder)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                request = json.loads(await reader.readexactly(int(length[1]) if length else 0))
                body, milliseconds = library.respond(request["query"], request.get("variables") or {})
                await asyncio.sleep(milliseconds / 1000)
                answer = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(answer.encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", port, limit=1 << 24)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2])))
