"""The rows of tags, studios, performers, groups, saved filters and the configuration."""

from stash_pipeline_tests.mirror.oracle.rows import Rows
from stash_pipeline_tests.mirror.oracle.shapes import Json
from stash_pipeline_tests.mirror.oracle.values import id_of, map_of, urls_of


class CatalogueRows(Rows):
    """Makes them."""

    def _tag(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "tags",
            {
                "id": number,
                **self._plain(o, "name", "sort_name", "description", "favorite", "ignore_auto_tag"),
                "image_path": self._path(o["image_path"]),
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
            },
        )
        self._links("tag_parents", "tag_id", number, "parent_id", o["parents"])
        self._named("tag_aliases", "tag_id", number, o["aliases"])
        self._stash_ids("tag_stash_ids", "tag_id", number, o.get("stash_ids"))

    def _studio(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "studios",
            {
                "id": number,
                **self._plain(o, "name", "details", "rating100", "favorite", "organized", "ignore_auto_tag"),
                "image_path": self._path(o["image_path"]),
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
                "parent_studio_id": id_of(o["parent_studio"]),
            },
        )
        self._links("studio_tags", "studio_id", number, "tag_id", o.get("tags"))
        self._named("studio_aliases", "studio_id", number, o["aliases"])
        self._urls("studio_urls", "studio_id", number, urls_of(o))
        self._stash_ids("studio_stash_ids", "studio_id", number, o["stash_ids"])

    def _performer(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "performers",
            {
                "id": number,
                **self._plain(
                    o, "name", "disambiguation", "gender", "ethnicity", "country", "eye_color", "hair_color",
                    "height_cm", "weight", "measurements", "fake_tits", "penis_length", "circumcised",
                    "career_length", "tattoos", "piercings", "details", "rating100", "favorite",
                    "ignore_auto_tag",
                ),
                **self._dates(o, "birthdate"),
                **self._dates(o, "death_date"),
                **self._dates(o, "career_start"),
                **self._dates(o, "career_end"),
                "image_path": self._path(o["image_path"]),
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
            },
        )  # fmt: skip
        self._links("performer_tags", "performer_id", number, "tag_id", o["tags"])
        self._named("performer_aliases", "performer_id", number, o["alias_list"])
        self._urls("performer_urls", "performer_id", number, urls_of(o))
        self._stash_ids("performer_stash_ids", "performer_id", number, o["stash_ids"])

    def _group(self, o: Json) -> None:
        number = int(o["id"])
        self.expected.add(
            "groups",
            {
                "id": number,
                **self._plain(o, "name", "aliases", "duration", "rating100", "director", "synopsis"),
                **self._dates(o, "date"),
                "front_image_path": self._path(o["front_image_path"]),
                "back_image_path": self._path(o["back_image_path"]),
                "custom_fields": map_of(o.get("custom_fields")),
                **self._times(o),
                "studio_id": id_of(o["studio"]),
            },
        )
        self._links("group_tags", "group_id", number, "tag_id", o.get("tags"))
        self._urls("group_urls", "group_id", number, urls_of(o))
        for position, one in enumerate(o.get("sub_groups") or []):
            self.expected.add(
                "group_containing",
                {
                    "containing_group_id": number,
                    "group_id": int(one["group"]["id"]),
                    "description": one["description"],
                    "order_index": position,
                },
            )

    def _saved_filter(self, o: Json) -> None:
        self.expected.add(
            "saved_filters",
            {
                "id": int(o["id"]),
                **self._plain(o, "mode", "name"),
                "find_filter": map_of(o.get("find_filter")),
                "object_filter": map_of(o.get("object_filter")),
                "ui_options": map_of(o.get("ui_options")),
                # since v0.23 the whole filter as one text is deprecated
                "legacy_filter": None if "find_filter" in o else o.get("filter"),
            },
        )

    def _configuration(self, o: Json) -> None:
        general = o["general"]
        self.expected.add(
            "configuration",
            {
                "id": 1,
                "database_path": general.get("databasePath"),
                "generated_path": general.get("generatedPath"),
                "language": o["interface"]["language"],
            },
        )
        for one in general["stashes"]:
            self.expected.add(
                "configuration_stashes",
                {
                    "configuration_id": 1,
                    "path": one["path"],
                    "exclude_video": one["excludeVideo"],
                    "exclude_image": one["excludeImage"],
                },
            )
        for one in general["stashBoxes"]:
            self.expected.add(
                "configuration_stash_boxes",
                {"configuration_id": 1, "name": one["name"], "endpoint": one["endpoint"]},
            )
