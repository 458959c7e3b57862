"""The entities of the server itself: its saved filters and its configuration."""

from stash_pipeline.stash import declarations as field
from stash_pipeline.stash.fields import Column, Entity, Field, JoinTable, Scalar, Spelling, Stored

SAVED_FILTERS = Entity(
    "saved_filters", "saved_filter", ("SavedFilter",), (("findSavedFilters", ""),), (),
    (
        field.text("mode"), field.text("name"),
        field.json("find_filter", "find_filter{q page per_page sort direction}"),
        field.json("object_filter"), field.json("ui_options"),
        Field(
            "legacy_filter",
            Scalar("text"),
            (Spelling(("filter",), unless="find_filter"),),
            "the whole filter as text, before v0.23",
            stored=Stored("t.filter"),
        ),
    ),
    "Saved filters of the server's own user interface.",
    {},
    whole=True,
)  # fmt: skip

CONFIGURATION = Entity(
    "configuration", "configuration", ("ConfigResult",), (("configuration", ""),), (),
    (
        field.text("database_path", "general{databasePath}"), field.text("generated_path", "general{generatedPath}"),
        field.text("language", "interface{language}"),
        Field(
            "stashes",
            JoinTable(
                "configuration_stashes",
                (
                    Column("path", "text"), Column("exclude_video", "boolean", "excludeVideo"),
                    Column("exclude_image", "boolean", "excludeImage"),
                ),
                ("path",),
            ),
            (Spelling(("general{stashes{path excludeVideo excludeImage}}",)),),
        ),
        Field(
            "stash_boxes",
            JoinTable(
                "configuration_stash_boxes", (Column("name", "text"), Column("endpoint", "text")), ("endpoint",)
            ),
            (Spelling(("general{stashBoxes{name endpoint}}",)),),
        ),
    ),
    "What the server is set up with; one row per instance. Secrets are never asked for.",
    {},
    whole=True,
    single=True,
)  # fmt: skip
