"""The entities of the catalogue: tags, studios, performers and groups."""

from stash_pipeline.stash import declarations as field
from stash_pipeline.stash.entities.shared import COUNTED, INVERSE, SUCCEEDED, SUCCESSORS, V22
from stash_pipeline.stash.fields import Column, Count, Entity, Field, JoinTable, Spelling, Total

TAGS = Entity(
    "tags", "tag", ("Tag",), (("findTags", "tags"),), ("tag_filter",),
    (
        field.text("name", index="hash of lower"),
        field.text("sort_name", empty_since=0),
        field.text("description", empty_since=V22),
        field.boolean("favorite"), field.boolean("ignore_auto_tag"), field.path("image_path", "image_path"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.many("parents", "tag_parents", "tags", "parent_id", ("tags_relations", "child_id", "parent_id")),
        field.aliases("tag"), field.stash_ids("tag"),
    ),
    "Tags, with their hierarchy in tag_parents.",
    {"children": INVERSE},
    counts=(
        Count("scenes"), Count("scene_markers", "scene_marker_count"), Count("images"), Count("galleries"),
        Count("performers"), Count("studios"), Count("groups"),
    ),
)  # fmt: skip

STUDIOS = Entity(
    "studios", "studio", ("Studio",), (("findStudios", "studios"),), ("studio_filter",),
    (
        field.text("name", index="hash of lower"),
        field.text("details", empty_since=V22),
        field.integer("rating100", stored="t.rating"),
        field.boolean("favorite"), field.boolean("organized"), field.boolean("ignore_auto_tag"),
        field.one("parent_studio", "studios", stored="t.parent_id"),
        field.path("image_path", "image_path"), field.json("custom_fields"),
        field.time("created_at"), field.time("updated_at"),
        field.many("tags", "studio_tags", "tags", "tag_id", ("studios_tags", "studio_id", "tag_id")),
        field.aliases("studio"), field.urls("studio", "url"), field.stash_ids("studio"),
    ),
    "Studios, with their parent.",
    {"child_studios": INVERSE, "groups": INVERSE, "movies": INVERSE, "o_counter": COUNTED, **SUCCESSORS},
    listed=True,
    counts=(
        Count("scenes"), Count("images"), Count("galleries"), Count("groups"), Total("o_counter", ("scenes", "images")),
    ),
)  # fmt: skip

PERFORMERS = Entity(
    "performers", "performer", ("Performer",), (("findPerformers", "performers"),), ("performer_filter",),
    (
        field.text("name", index="hash of lower"),
        field.text("disambiguation", empty_since=0),
        field.text("gender", index="values"),
        field.date("birthdate"), field.date("death_date"),
        field.text("ethnicity", empty_since=0),
        field.text("country", empty_since=0),
        field.text("eye_color", empty_since=0),
        field.text("hair_color", empty_since=0),
        field.integer("height_cm", stored="t.height"),
        field.integer("weight"),
        field.text("measurements", empty_since=0),
        field.text("fake_tits", empty_since=0),
        field.number("penis_length"),
        field.text("circumcised", stored="nullif(t.circumcised, '')"),
        field.text("career_length", empty_since=0),
        field.date("career_start"), field.date("career_end"),
        field.text("tattoos", empty_since=0),
        field.text("piercings", empty_since=0),
        field.text("details", empty_since=0),
        field.integer("rating100", stored="t.rating"),
        field.boolean("favorite"), field.boolean("ignore_auto_tag"), field.path("image_path", "image_path"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.many("tags", "performer_tags", "tags", "tag_id", ("performers_tags", "performer_id", "tag_id")),
        field.aliases("performer", "alias_list"), field.urls("performer", "url", "twitter", "instagram"),
        field.stash_ids("performer"),
    ),
    "Performers, with their aliases, urls and stash ids in the join tables.",
    {
        "scenes": INVERSE, "groups": INVERSE, "movies": INVERSE, "o_counter": COUNTED, "height": SUCCEEDED,
        "aliases": SUCCEEDED, **SUCCESSORS,
    },
    listed=True,
    counts=(
        Count("scenes"), Count("images"), Count("galleries"), Count("groups", via="scenes"),
        Total("o_counter", ("scenes", "images")),
    ),
)  # fmt: skip

GROUPS = Entity(
    "groups", "group", ("Group", "Movie"), (("findGroups", "groups"), ("findMovies", "movies")),
    ("group_filter", "movie_filter"),
    (
        field.text("name", index="hash of lower"),
        field.text("aliases", empty_since=V22),
        field.integer("duration"), field.date("date", index="values"),
        field.integer("rating100", stored="t.rating"),
        field.text("director", empty_since=V22),
        field.text("synopsis"),
        field.one("studio", "studios"),
        field.path("front_image_path", "front_image_path"), field.path("back_image_path", "back_image_path"),
        field.json("custom_fields"), field.time("created_at"), field.time("updated_at"),
        field.many("tags", "group_tags", "tags", "tag_id", ("groups_tags", "group_id", "tag_id")),
        field.urls("group", "url"),
        Field(
            "sub_groups",
            JoinTable(
                "group_containing",
                (Column("group_id", "bigint", "group.id"), Column("description", "text")),
                ("group_id",), "groups", "group_id", ordinal="order_index",
                owner_column="containing_group_id", sort=False,
            ),
            (Spelling(("sub_groups{group{id} description}",)),),
            "read from the containing group, which alone knows the order",
            silent=True,
        ),
    ),
    "Groups (movies before v0.27), with the groups they contain in group_containing.",
    {"containing_groups": INVERSE, "scenes": INVERSE, "o_counter": COUNTED, **SUCCESSORS},
    listed=True,
    counts=(
        Count("scenes"), Count("performers", via="scenes"), Count(table="group_containing", name="sub_group_count"),
        Total("o_counter", ("scenes",)),
    ),
)  # fmt: skip
