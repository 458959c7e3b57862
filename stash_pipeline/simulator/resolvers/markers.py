"""Scene markers: the loaders of SceneMarker."""

from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import reference, register_kind, tags_of


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    return


register_kind("SceneMarker", "SELECT * FROM scene_markers", "scene marker", _present)


def _address(name: str) -> Loader:
    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        key = f"?apikey={ctx.api_key}" if ctx.api_key and name == "stream" else ""
        return [f"{ctx.base_url}/scene/{row['scene_id']}/scene_marker/{row['id']}/{name}{key}" for row in rows]

    return load


LOADERS: dict[tuple[str, str], Loader] = {
    ("SceneMarker", "scene"): reference("scene_id", "Scene"),
    ("SceneMarker", "primary_tag"): reference("primary_tag_id", "Tag"),
    ("SceneMarker", "tags"): tags_of("scene_markers_tags", "scene_marker_id", unordered_before=28),
    ("SceneMarker", "stream"): _address("stream"),
    ("SceneMarker", "preview"): _address("preview"),
    ("SceneMarker", "screenshot"): _address("screenshot"),
}
