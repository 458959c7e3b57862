"""Facts that documents need and the database does not have; they are requested from the server."""

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
"""Images per request; of each, only the existence of a preview is requested."""


def naming_of(client: StashClient, schema: ServerSchema, info: ServerInfo) -> Naming:
    """The naming rules in the server's configuration, as far as the release exposes them."""
    windows = _runs_on_windows(client, schema, info)
    config_fields = schema.fields("ConfigGeneralResult")
    names = [name for name in ("videoFileNamingAlgorithm", "galleryCoverRegex") if name in config_fields]
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
    """Whether the server runs on Windows, by the path of its database or, if that is relative, by its system status."""
    windows = is_of_windows(info.database_path or "")
    status_fields = schema.fields("SystemStatus")
    names = [name for name in ("os", "workingDir", "configPath") if name in status_fields]
    if windows is None and names:
        status = client.execute(f"{{systemStatus{{{' '.join(names)}}}}}", name="systemStatus").data["systemStatus"]
        if status.get("os"):
            return bool(status["os"] == "windows")
        windows = next((kind for name in names if (kind := is_of_windows(status.get(name) or "")) is not None), None)
    return bool(windows)


def previews_of(client: StashClient, plans: dict[str, QueryPlan], file: Path, seconds: float) -> frozenset[int]:
    """Ids of images with a generated preview. The server returns a preview path only if its file exists.

    Args:
        plans: of the server. file: the snapshot; it shows which images can have a preview.
        seconds: time limit for reading the snapshot.

    Raises:
        SnapshotError: if the snapshot is damaged. StashError: for network errors.
    """
    plan = plans["images"].cut_to(("preview_path",), carry=False)
    if not plan.fields or not plan.by_id:
        return frozenset()
    with Snapshot(file, seconds=seconds, check=False) as snapshot:
        ids = clips(snapshot)
    if not ids:
        return frozenset()
    previews = set()
    for event in read_library(client, plans, [ReadRequest(plan, "objects", ids=tuple(ids))], page_size=_IMAGES):
        if isinstance(event, Page):
            for document in event.documents["images"]:
                if orjson.loads(document.json).get("preview_path"):
                    previews.add(document.id)
    return frozenset(previews)
