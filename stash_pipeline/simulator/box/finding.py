"""Single rows by id or name, and what a box says about itself.

Contains the queries that begin with find, and version, me, getConfig and the lists that are not paged. None of them
follows a redirect, and deleted rows are found by their ids.
"""

from typing import Any

from stash_pipeline.simulator.box.context import (
    BoxContext,
    Loader,
    Loaders,
    parse_id,
    rows_by_id,
)
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.errors import AnswerError


def _by_id(table: str) -> Loader:
    def find(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
        row_id = parse_id(arguments["id"], "id")
        return [rows_by_id(ctx, table, [row_id]).get(row_id)]

    return find


def _by_id_or_name(table: str) -> Loader:
    by_id = _by_id(table)

    def find(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], selected: frozenset[str]) -> list[Any]:
        if arguments.get("id") is not None:
            return by_id(ctx, rows, arguments, selected)
        if arguments.get("name") is None:
            return [None]
        return _named(ctx, f"SELECT * FROM {table} WHERE upper(name) = upper(?) AND NOT deleted", arguments["name"])

    return find


def _named(ctx: BoxContext, sql: str, name: str) -> list[Any]:
    return [next(iter(ctx.box.rows(sql, (name,))), None)]


def _tag_or_alias(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
    sql = (
        "SELECT tags.* FROM tags LEFT JOIN tag_aliases ON tag_id = tags.id"
        " WHERE NOT deleted AND upper(?1) IN (upper(name), upper(alias)) ORDER BY upper(name) <> upper(?1)"
    )
    return _named(ctx, sql, arguments["name"])


def _all(table: str, name: str, order: str) -> Loader:
    def load(ctx: BoxContext, *_: Any) -> list[Any]:
        rows = ctx.box.rows(f"SELECT * FROM {table} ORDER BY {order}")
        return [{"count": len(rows), name: rows}]

    return load


def _version(ctx: BoxContext, *_: Any) -> list[Any]:
    return [
        {
            "hash": "0000000",
            "build_time": "2026-01-01 00:00:00",
            "build_type": "OFFICIAL",
            "version": ctx.release.name,
        }
    ]


def _me(ctx: BoxContext, *_: Any) -> list[Any]:
    if ctx.user is None:
        raise AnswerError(ctx.release.not_authorized)
    return [
        {
            "id": ctx.user,
            "name": ctx.user_name,
            "roles": ["READ"],
            "email": None,
            "api_key": ctx.api_key,
            "api_calls": 0,
            "invite_tokens": 0,
        }
    ]


def _config(ctx: BoxContext, *_: Any) -> list[Any]:
    return [
        {
            "host_url": ctx.base_url,
            "require_invite": True,
            "require_activation": False,
            "vote_promotion_threshold": 10,
            "vote_application_threshold": 3,
            "voting_period": 345600,
            "min_destructive_voting_period": 172800,
            "vote_cron_interval": "5m",
            "guidelines_url": "",
            "require_scene_draft": False,
            "edit_update_limit": 1,
            "require_tag_role": False,
        }
    ]


def _site_category(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
    number = arguments["id"]
    return [rows_by_id(ctx, "site_categories", [number]).get(number)]


LOADERS: Loaders = {
    ("Query", "findScene"): _by_id("scenes"),
    ("Query", "findPerformer"): _by_id("performers"),
    ("Query", "findStudio"): _by_id_or_name("studios"),
    ("Query", "findTag"): _by_id_or_name("tags"),
    ("Query", "findTagOrAlias"): _tag_or_alias,
    ("Query", "findTagCategory"): _by_id("tag_categories"),
    ("Query", "findSite"): _by_id("sites"),
    ("Query", "findSiteCategory"): _site_category,
    ("Query", "findEdit"): _by_id("edits"),
    ("Query", "querySites"): _all("sites", "sites", "name"),
    ("Query", "querySiteCategories"): _all("site_categories", "site_categories", "sort_order, name"),
    ("Query", "queryTagCategories"): _all("tag_categories", "tag_categories", "name"),
    ("Query", "version"): _version,
    ("Query", "me"): _me,
    ("Query", "getConfig"): _config,
}
