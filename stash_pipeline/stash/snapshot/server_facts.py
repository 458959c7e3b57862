"""What documents name and the database does not hold: it is asked of the server."""

from pathlib import Path
from typing import Final

import orjson

from stash_pipeline.stash.client import ServerInfo, StashClient
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.read_request import ReadRequest
from stash_pipeline.stash.reader import Page, read_library
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.stash.server_paths import is_of_windows
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import Naming
from stash_pipeline.stash.snapshot.media import clips

_LONGEST_PATTERN: Final = 10_000
_IMAGES: Final = 1000
"""Per request: of each only whether a file is there."""


def naming_of(client: StashClient, schema: ServerSchema, info: ServerInfo) -> Naming:
    """What the server's configuration says about names, as far as the release says anything."""
    windows = _runs_on_windows(client, schema, info)
    known = schema.fields("ConfigGeneralResult")
    names = [name for name in ("videoFileNamingAlgorithm", "galleryCoverRegex") if name in known]
    if not names:
        return Naming(windows=windows)
    name = "configuration"
    data = client.execute(f"{{configuration{{general{{{' '.join(names)}}}}}}}", name=name).data
    general = client.part(data, name).get(name).get("general")
    usual = Naming()
    return Naming(
        "md5" if general.get("videoFileNamingAlgorithm").text_or_none() == "MD5" else usual.hash_type,
        general.get("galleryCoverRegex").text_or_none(_LONGEST_PATTERN) or usual.cover_names,
        windows=windows,
    )


def _runs_on_windows(client: StashClient, schema: ServerSchema, info: ServerInfo) -> bool:
    """By the path of its database; where that is none from the root on, by what else it says of itself."""
    found = is_of_windows(info.database_path or "")
    known = schema.fields("SystemStatus")
    names = [name for name in ("os", "workingDir", "configPath") if name in known]
    if found is None and names:
        status = client.execute(f"{{systemStatus{{{' '.join(names)}}}}}", name="systemStatus").data["systemStatus"]
        if status.get("os"):
            return bool(status["os"] == "windows")
        found = next((told for name in names if (told := is_of_windows(status.get(name) or "")) is not None), None)
    return bool(found)


def previews_of(client: StashClient, plans: dict[str, QueryPlan], copy: Path, seconds: float) -> frozenset[int]:
    """Ids of the images whose preview has been generated: only whether its file is there makes the server name it.

    Args:
        plans: of the server. copy: of its database, which tells which images can have one.
        seconds: after which reading the copy is given up.

    Raises:
        SnapshotError: if the copy is damaged. StashError: what the network did.
    """
    plan = plans["images"].cut_to(("preview_path",), carry=False)
    if not plan.fields or not plan.by_id:
        return frozenset()
    with Snapshot(copy, seconds=seconds, check=False) as snapshot:
        ids = clips(snapshot)
    if not ids:
        return frozenset()
    found = set()
    for event in read_library(client, plans, [ReadRequest(plan, "objects", ids=tuple(ids))], page_size=_IMAGES):
        if isinstance(event, Page):
            for document in event.documents["images"]:
                if orjson.loads(document.json).get("preview_path"):
                    found.add(document.id)
    return frozenset(found)
