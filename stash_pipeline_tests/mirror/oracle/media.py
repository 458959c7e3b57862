"""The rows of images, galleries, scenes and markers."""

from stash_pipeline_tests.mirror.oracle.rows import Rows
from stash_pipeline_tests.mirror.oracle.shapes import Json
from stash_pipeline_tests.mirror.oracle.values import id_of, map_of, moment, urls_of


class MediaRows(Rows):
    """Makes them."""

    def _image(self, o: Json) -> None:
        number = int(o["id"])
        paths = o["paths"]
        self.expected.add(
            "images",
            {
                "id": number,
                **self._plain(o, "title", "code", "details", "photographer", "rating100", "o_counter", "organized"),
                **self._dates(o, "date"),
                "image_path": self._path(paths["image"]),
                "thumbnail_path": self._path(paths["thumbnail"]),
                "preview_path": self._path(paths.get("preview")),
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
                "studio_id": id_of(o["studio"]),
            },
        )
        files = o["visual_files"] if "visual_files" in o else o["files"]
        self._files("image_files", "image_id", number, files)
        self._links("image_tags", "image_id", number, "tag_id", o["tags"])
        self._links("image_performers", "image_id", number, "performer_id", o["performers"])
        self._links("image_galleries", "image_id", number, "gallery_id", o["galleries"])
        self._urls("image_urls", "image_id", number, urls_of(o))

    def _gallery(self, o: Json) -> None:
        number = int(o["id"])
        paths = o.get("paths") or {}
        self.expected.add(
            "galleries",
            {
                "id": number,
                **self._plain(o, "title", "code", "details", "photographer", "rating100", "organized"),
                **self._dates(o, "date"),
                "cover_path": self._path(paths.get("cover")),
                "preview_path": self._path(paths.get("preview")),
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
                "studio_id": id_of(o["studio"]),
                "folder_id": id_of(o["folder"]),
                "cover_id": id_of(o["cover"]),
            },
        )
        self._files("gallery_files", "gallery_id", number, o["files"])
        self._links("gallery_tags", "gallery_id", number, "tag_id", o["tags"])
        self._links("gallery_performers", "gallery_id", number, "performer_id", o["performers"])
        self._urls("gallery_urls", "gallery_id", number, urls_of(o))
        for chapter in o["chapters"]:
            self.expected.add(
                "gallery_chapters",
                {
                    "gallery_id": number,
                    "id": int(chapter["id"]),
                    **self._plain(chapter, "title", "image_index"),
                    **self._times(chapter),
                },
            )

    def _scene(self, o: Json) -> None:
        number = int(o["id"])
        paths = o["paths"]
        self.expected.add(
            "scenes",
            {
                "id": number,
                **self._plain(
                    o, "title", "code", "details", "director", "rating100", "organized", "o_counter",
                    "play_count", "play_duration", "resume_time", "interactive", "interactive_speed",
                ),
                **self._dates(o, "date"),
                "last_played_at": moment(o["last_played_at"]),
                **{
                    f"{name}_path": self._path(paths[name])
                    for name in (
                        "screenshot", "preview", "webp", "vtt", "sprite", "funscript", "interactive_heatmap",
                        "caption",
                    )
                },
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
                "studio_id": id_of(o["studio"]),
            },
        )  # fmt: skip
        self._files("scene_files", "scene_id", number, o["files"])
        self._links("scene_tags", "scene_id", number, "tag_id", o["tags"])
        self._links("scene_performers", "scene_id", number, "performer_id", o["performers"])
        self._links("scene_galleries", "scene_id", number, "gallery_id", o["galleries"])
        entries = o["groups"] if "groups" in o else o["movies"]
        for one in entries:
            group = one["group"] if "groups" in o else one["movie"]
            self.expected.add(
                "scene_groups",
                {"scene_id": number, "group_id": int(group["id"]), "scene_index": one["scene_index"]},
            )
        self._urls("scene_urls", "scene_id", number, urls_of(o))
        self._stash_ids("scene_stash_ids", "scene_id", number, o["stash_ids"])
        self._instants("scene_plays", "played_at", number, o.get("play_history"))
        self._instants("scene_os", "occurred_at", number, o.get("o_history"))
        for one in o["captions"] or []:
            self.expected.add(
                "scene_captions",
                {"scene_id": number, **self._plain(one, "language_code", "caption_type")},
            )

    def _marker(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "scene_markers",
            {
                "id": number,
                **self._plain(o, "title", "seconds", "end_seconds"),
                "screenshot_path": self._path(o["screenshot"]),
                "preview_path": self._path(o["preview"]),
                **self._times(o),
                "scene_id": id_of(o["scene"]),
                "primary_tag_id": id_of(o["primary_tag"]),
            },
        )
        self._links("marker_tags", "marker_id", number, "tag_id", o["tags"])
