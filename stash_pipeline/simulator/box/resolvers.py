"""The fields of what a box has: scenes, performers, studios, tags, sites, images.

Contains loaders of fields. Edits are in ``edits``, fingerprints in ``fingerprints``, queries in ``finding``.
"""

from datetime import datetime
from typing import Any

from stash_pipeline.simulator.box import dates
from stash_pipeline.simulator.box.context import (
    BoxContext,
    Loader,
    Loaders,
    column,
    constant,
    grouped,
    many,
    reference,
    rows_by_id,
    texts,
)
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.timestamps import unix_seconds


def _urls(kind: str) -> Loader:
    sql = f"SELECT {kind}_id, url, site_id FROM {kind}_urls WHERE {kind}_id IN ({{ids}})"

    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        groups = grouped(ctx, sql, rows)
        return [[{"url": url, "site_id": site} for url, site in groups.get(row["id"], ())] for row in rows]

    return load


def _url_type(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    sites = rows_by_id(ctx, "sites", (row["site_id"] for row in rows))
    return [sites[row["site_id"]]["name"].upper() for row in rows]


def _landscape(image: Row) -> tuple[float, int]:
    return -image["width"] / image["height"], -image["width"]


def _portrait(image: Row) -> tuple[float, int]:
    return abs(image["width"] / image["height"] - 2 / 3), -image["height"]


def _images(kind: str, order: Any = None) -> Loader:
    load_all = many("images", f"SELECT {kind}_id, image_id FROM {kind}_images WHERE {kind}_id IN ({{ids}})")

    def load(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], selected: frozenset[str]) -> list[Any]:
        lists = load_all(ctx, rows, arguments, selected)
        return lists if order is None else [sorted(images, key=order) for images in lists]

    return load


def _image_url(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    return [f"{ctx.base_url}/images/{row['id']}" for row in rows]


def _date(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    if ctx.release.pads_dates:
        return [dates.padded(row["date"]) for row in rows]
    return [row["date"] for row in rows]


def _appearances(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    sql = 'SELECT scene_id, performer_id, "as" FROM scene_performers WHERE scene_id IN ({ids})'
    groups = grouped(ctx, sql, rows)
    performers = rows_by_id(ctx, "performers", (result[0] for results in groups.values() for result in results))
    return [
        [{"performer": performers[performer], "as": name} for performer, name in groups.get(row["id"], ())]
        for row in rows
    ]


def _with_midnight(text: str | None, separator: str) -> str | None:
    day = dates.padded(text)
    return None if day is None else f"{day}{separator}00:00:00"


def _birthdate(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    birthdates = [dates.fuzzy(row["birthdate"]) for row in rows]
    if ctx.release.is_tpdb:
        for birthdate in birthdates:
            if birthdate is not None:
                birthdate["date"] += " 00:00:00"
    return birthdates


def _fuzzy_date(name: str) -> Loader:
    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        if ctx.release.is_tpdb:
            return [_with_midnight(row[name], "T") for row in rows]
        return [row[name] for row in rows]

    return load


def _age(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    today: datetime = ctx.box.clock()
    return [dates.age(row["birthdate"], row["deathdate"], today.date()) for row in rows]


def _measurements(_: BoxContext, rows: list[Row], *__: Any) -> list[Any]:
    return [
        {
            "cup_size": row["cup_size"],
            "band_size": row["band_size"],
            "waist": row["waist_size"],
            "hip": row["hip_size"],
        }
        for row in rows
    ]


def _modifications(part: str) -> Loader:
    sql = f"SELECT performer_id, location, description FROM performer_{part} WHERE performer_id IN ({{ids}})"

    def load(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
        groups = grouped(ctx, sql, rows)
        return [
            [{"location": place, "description": text} for place, text in groups.get(row["id"], ())] or None
            for row in rows
        ]

    return load


def _scene_counts(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    sql = "SELECT performer_id, COUNT(*) FROM scene_performers WHERE performer_id IN ({ids}) GROUP BY performer_id"
    groups = grouped(ctx, sql, rows)
    return [groups[row["id"]][0][0] if row["id"] in groups else 0 for row in rows]


def _merged_into(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    groups = grouped(ctx, "SELECT source_id, target_id FROM performer_redirects WHERE source_id IN ({ids})", rows)
    return [groups[row["id"]][0][0] if row["id"] in groups else None for row in rows]


def _performer_studios(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], _: frozenset[str]) -> list[Any]:
    sql = (
        "SELECT performer_id, studio_id, COUNT(*) FROM scene_performers JOIN scenes ON scenes.id = scene_id"
        " WHERE studio_id IS NOT NULL AND performer_id IN ({ids}) GROUP BY performer_id, studio_id"
    )
    groups = grouped(ctx, sql, rows)
    studios = rows_by_id(ctx, "studios", (result[0] for results in groups.values() for result in results))
    network = _network(ctx, arguments["studio_id"]) if arguments.get("studio_id") else None
    return [
        [
            {"studio": studios[studio], "scene_count": count}
            for studio, count in groups.get(row["id"], ())
            if network is None or studio in network
        ]
        for row in rows
    ]


def _network(ctx: BoxContext, studio: str) -> set[str]:
    sql = (
        "SELECT id FROM studios WHERE id = :studio OR (parent_studio_id = :studio AND NOT deleted)"
        " OR id = (SELECT parent_studio_id FROM studios WHERE id = :studio)"
    )
    return {row["id"] for row in ctx.box.rows(sql, {"studio": studio})}


def _icon(ctx: BoxContext, rows: list[Row], *_: Any) -> list[Any]:
    return [f"{ctx.base_url}/images/site/{row['id']}?v={unix_seconds(row['updated_at'])}" for row in rows]


def _valid_types(_: BoxContext, rows: list[Row], *__: Any) -> list[Any]:
    return [row["valid_types"].split() for row in rows]


def _aliases(kind: str) -> Loader:
    return texts(f"SELECT {kind}_id, alias FROM {kind}_aliases WHERE {kind}_id IN ({{ids}})")


LOADERS: Loaders = {
    **{
        (kind, field): column(f"{field}_at")
        for kind in ("Scene", "Performer", "Studio", "Tag", "Site")
        for field in ("created", "updated")
    },
    ("Scene", "date"): _date,
    ("Scene", "release_date"): column("date"),
    ("Scene", "urls"): _urls("scene"),
    ("Scene", "studio"): reference("studios", "studio_id"),
    ("Scene", "tags"): many("tags", "SELECT scene_id, tag_id FROM scene_tags WHERE scene_id IN ({ids})"),
    ("Scene", "images"): _images("scene", _landscape),
    ("Scene", "performers"): _appearances,
    ("Performer", "aliases"): _aliases("performer"),
    ("Performer", "urls"): _urls("performer"),
    ("Performer", "images"): _images("performer", _portrait),
    ("Performer", "birthdate"): _birthdate,
    ("Performer", "birth_date"): _fuzzy_date("birthdate"),
    ("Performer", "death_date"): _fuzzy_date("deathdate"),
    ("Performer", "age"): _age,
    ("Performer", "measurements"): _measurements,
    ("Performer", "tattoos"): _modifications("tattoos"),
    ("Performer", "piercings"): _modifications("piercings"),
    ("Performer", "scene_count"): _scene_counts,
    ("Performer", "merged_ids"): texts(
        "SELECT target_id, source_id FROM performer_redirects WHERE target_id IN ({ids})"
    ),
    ("Performer", "merged_into_id"): _merged_into,
    ("Performer", "studios"): _performer_studios,
    ("Performer", "is_favorite"): constant(False),
    ("Studio", "aliases"): _aliases("studio"),
    ("Studio", "urls"): _urls("studio"),
    ("Studio", "images"): _images("studio"),
    ("Studio", "parent"): reference("studios", "parent_studio_id"),
    ("Studio", "child_studios"): many(
        "studios",
        "SELECT parent_studio_id, id FROM studios WHERE NOT deleted AND parent_studio_id IN ({ids}) ORDER BY name",
    ),
    ("Studio", "is_favorite"): constant(False),
    ("Tag", "aliases"): _aliases("tag"),
    ("Tag", "category"): reference("tag_categories", "category_id"),
    ("URL", "type"): _url_type,
    ("URL", "site"): reference("sites", "site_id"),
    ("Site", "valid_types"): _valid_types,
    ("Site", "icon"): _icon,
    ("Site", "category"): reference("site_categories", "category_id"),
    ("Image", "url"): _image_url,
}
