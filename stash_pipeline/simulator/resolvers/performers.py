"""Performers: the loaders of Performer."""

import hashlib
import re
from typing import Any

from stash_pipeline.simulator.addresses import image_address
from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.go_numbers import free_form
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import (
    count_of,
    count_through,
    five_stars,
    grouped,
    joined,
    many,
    partial_date,
    register_kind,
    stash_ids_of,
    tags_of,
    texts,
    urls_of,
    values,
)

TWITTER = re.compile(r"^https?://(?:www\.)?(?:twitter|x)\.com/", re.IGNORECASE)
INSTAGRAM = re.compile(r"^https?://(?:www\.)?instagram\.com/", re.IGNORECASE)
_TEXTS = (
    "disambiguation",
    "ethnicity",
    "country",
    "eye_color",
    "measurements",
    "fake_tits",
    "career_length",
    "tattoos",
    "piercings",
    "details",
    "hair_color",
)


def _present(ctx: RequestContext, rows: list[Row]) -> None:
    for row in rows:
        texts(row, *_TEXTS)
        partial_date(ctx, row, "birthdate")
        partial_date(ctx, row, "death_date")
        partial_date(ctx, row, "career_start")
        partial_date(ctx, row, "career_end")
        row["height_cm"] = row["height"]
        row["height"] = None if row["height"] is None else str(row["height"])
        # Before v0.21, an unknown gender was returned as an empty text, which is not a member of the enum.
        row["gender"] = row["gender"] or (None if ctx.release.since(21) else "")
        row["circumcised"] = row["circumcised"] or None
        row["rating100"] = row["rating"]
        row["rating"] = five_stars(row["rating"])
        row["checksum"] = hashlib.md5(row["name"].encode()).hexdigest()


register_kind("Performer", "SELECT * FROM performers", "performer", _present)

_URLS = (
    "SELECT performer_id, url FROM performer_urls"
    " WHERE performer_id IN (SELECT value FROM json_each(?)) ORDER BY performer_id, position"
)


def _site_url(site: re.Pattern[str] | None) -> Loader:
    """One URL of a performer: the one of a site, or the first one of no known site.

    Up to v0.26, a performer has one URL and the handles of two sites; later releases have only a list of URLs.
    """

    def load(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
        by_performer = grouped(ctx, rows, _URLS)
        result: list[Any] = []
        for row in rows:
            urls = [url for _, url in by_performer.get(row["id"], ())]
            if site:
                chosen = next((url for url in urls if site.match(url)), None)
            else:
                chosen = next((url for url in urls if not TWITTER.match(url) and not INSTAGRAM.match(url)), None)
            if not ctx.release.since(27):
                chosen = site.sub("", chosen) if chosen and site else chosen or ""
            result.append(chosen)
        return result

    return load


def _aliases_text(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [", ".join(names) for names in _ALIASES(ctx, rows, {}, selected)]


def _custom_fields(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    by_performer = grouped(
        ctx,
        rows,
        "SELECT performer_id, field, value FROM performer_custom_fields"
        " WHERE performer_id IN (SELECT value FROM json_each(?)) ORDER BY performer_id, field",
    )
    return [{field: free_form(value) for _, field, value in by_performer.get(row["id"], ())} for row in rows]


def _image_path(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [image_address(ctx, "performer", row) for row in rows]


_ALIASES = values(
    "SELECT performer_id, alias FROM performer_aliases"
    " WHERE performer_id IN (SELECT value FROM json_each(?)) ORDER BY performer_id, alias"
)
_GROUPS = many(
    "Group",
    "SELECT DISTINCT p.performer_id, g.group_id FROM performers_scenes p"
    " JOIN groups_scenes g ON g.scene_id = p.scene_id"
    " WHERE p.performer_id IN (SELECT value FROM json_each(?)) ORDER BY p.performer_id, g.group_id",
)
_GROUP_COUNT = count_of(
    "SELECT family.root, COUNT(DISTINCT g.group_id) FROM family"
    " JOIN performers_scenes p ON p.performer_id = family.id"
    " JOIN groups_scenes g ON g.scene_id = p.scene_id GROUP BY family.root"
)

LOADERS: dict[tuple[str, str], Loader] = {
    ("Performer", "url"): _site_url(None),
    ("Performer", "twitter"): _site_url(TWITTER),
    ("Performer", "instagram"): _site_url(INSTAGRAM),
    ("Performer", "urls"): urls_of("performer_urls", "performer_id"),
    ("Performer", "aliases"): _aliases_text,
    ("Performer", "alias_list"): _ALIASES,
    ("Performer", "tags"): tags_of("performers_tags", "performer_id", unordered_before=22),
    ("Performer", "stash_ids"): stash_ids_of("performer_stash_ids", "performer_id"),
    ("Performer", "scenes"): joined("performers_scenes", "performer_id", "scene_id", "Scene"),
    ("Performer", "groups"): _GROUPS,
    ("Performer", "movies"): _GROUPS,
    ("Performer", "custom_fields"): _custom_fields,
    ("Performer", "image_path"): _image_path,
    ("Performer", "scene_count"): count_through("performers_scenes", "performer_id", "scene_id"),
    ("Performer", "image_count"): count_through("performers_images", "performer_id", "image_id"),
    ("Performer", "gallery_count"): count_through("performers_galleries", "performer_id", "gallery_id"),
    ("Performer", "group_count"): _GROUP_COUNT,
    ("Performer", "movie_count"): _GROUP_COUNT,
    ("Performer", "performer_count"): count_of(
        "SELECT family.root, COUNT(DISTINCT o.performer_id) FROM family"
        " JOIN performers_scenes p ON p.performer_id = family.id"
        " JOIN performers_scenes o ON o.scene_id = p.scene_id AND o.performer_id <> p.performer_id"
        " GROUP BY family.root"
    ),
    ("Performer", "o_counter"): count_of(
        "SELECT family.root, (SELECT COUNT(*) FROM performers_scenes p JOIN scenes_o_dates o"
        " ON o.scene_id = p.scene_id WHERE p.performer_id = family.id)"
        " + (SELECT COALESCE(SUM(i.o_counter), 0) FROM performers_images p JOIN images i"
        " ON i.id = p.image_id WHERE p.performer_id = family.id) FROM family"
    ),
}
