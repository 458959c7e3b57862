"""Queries about the server itself: version, status, statistics, configuration, saved filters."""

import json
from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.go_numbers import decoded
from stash_pipeline.simulator.library import Row

_HOME = "/config"
_HOME_ON_WINDOWS = "C:\\ProgramData\\stash"
_SORT_DIRECTIONS = ("ASC", "DESC")


def _version(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [{"version": ctx.release.name, "hash": "simulated", "build_time": ""}]


def _latest(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    return [
        {
            "version": ctx.release.name,
            "shorthash": "simulated",
            "release_date": "2026-01-01",
            "url": "",
        }
    ]


def _in_home(ctx: RequestContext, name: str) -> str:
    return f"{_HOME_ON_WINDOWS}\\{name}" if ctx.windows else f"{_HOME}/{name}"


def _status(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    schema = ctx.release.database_schema
    return [
        {
            "databaseSchema": schema,
            "appSchema": schema,
            "status": "OK",
            "os": "windows" if ctx.windows else "linux",
            "databasePath": ctx.database_path or _in_home(ctx, "stash-go.sqlite"),
            "configPath": _in_home(ctx, "config.yml"),
            "workingDir": _HOME_ON_WINDOWS if ctx.windows else _HOME,
            "homeDir": "C:\\Users" if ctx.windows else "/home",
            "ffmpegPath": "",
            "ffprobePath": "",
        }
    ]


def _stats(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    queries = {
        "scene_count": "SELECT COUNT(*) FROM scenes",
        "scenes_size": "SELECT SUM(size) FROM files WHERE id IN (SELECT file_id FROM scenes_files)",
        "scenes_duration": "SELECT SUM(duration) FROM video_files WHERE file_id IN (SELECT file_id FROM scenes_files)",
        "image_count": "SELECT COUNT(*) FROM images",
        "images_size": "SELECT SUM(size) FROM files WHERE id IN (SELECT file_id FROM images_files)",
        "gallery_count": "SELECT COUNT(*) FROM galleries",
        "performer_count": "SELECT COUNT(*) FROM performers",
        "studio_count": "SELECT COUNT(*) FROM studios",
        "group_count": "SELECT COUNT(*) FROM groups",
        "movie_count": "SELECT COUNT(*) FROM groups",
        "tag_count": "SELECT COUNT(*) FROM tags",
        "total_o_count": "SELECT (SELECT COUNT(*) FROM scenes_o_dates)"
        " + (SELECT COALESCE(SUM(o_counter), 0) FROM images)",
        "total_play_duration": "SELECT SUM(play_duration) FROM scenes",
        "total_play_count": "SELECT COUNT(*) FROM scenes_view_dates",
        "scenes_played": "SELECT COUNT(DISTINCT scene_id) FROM scenes_view_dates",
    }
    return [{name: ctx.library.scalar(sql) or 0 for name, sql in queries.items() if name in selected}]


def _configuration(ctx: RequestContext, rows: list[Row], _: dict[str, Any], selected: SelectedFields) -> list[Any]:
    general = {
        "stashes": [],
        "stashBoxes": [],
        "databasePath": _in_home(ctx, "stash-go.sqlite"),
        "backupDirectoryPath": "",
        "generatedPath": _in_home(ctx, "generated"),
        "metadataPath": _in_home(ctx, "metadata"),
        "configFilePath": _in_home(ctx, "config.yml"),
        "scrapersPath": _in_home(ctx, "scrapers"),
        "cachePath": _in_home(ctx, "cache"),
        "blobsPath": "",
        "blobsStorage": "DATABASE",
        "calculateMD5": False,
        "videoFileNamingAlgorithm": "OSHASH",
        "parallelTasks": 1,
        "previewAudio": True,
        "previewSegments": 12,
        "previewSegmentDuration": 0.75,
        "previewExcludeStart": "0",
        "previewExcludeEnd": "0",
        "previewPreset": "slow",
        "transcodeHardwareAcceleration": False,
        "writeImageThumbnails": True,
        "apiKey": ctx.api_key or "",
        "username": "",
        "password": "",
        "maxSessionAge": 3600,
        "logFile": "",
        "logOut": True,
        "logLevel": "Info",
        "logAccess": False,
        "videoExtensions": ["mp4", "mkv"],
        "imageExtensions": ["jpg", "png"],
        "galleryExtensions": ["zip", "cbz"],
        "createGalleriesFromFolders": False,
        "galleryCoverRegex": "(poster|cover|folder|board)\\.[^\\.]+$",
        "excludes": [],
        "imageExcludes": [],
        "customPerformerImageLocation": "",
        "pythonPath": "",
    }
    flags = (
        "soundOnPreview",
        "cssEnabled",
        "javascriptEnabled",
        "customLocalesEnabled",
        "noBrowser",
        "notificationsEnabled",
        "autostartVideo",
        "autostartVideoOnPlaySelected",
        "continuePlaylistDefault",
        "showStudioAsText",
        "sfwContentMode",
        "wallShowTitle",
        "showScrubber",
    )
    interface: dict[str, Any] = {
        "menuItems": [],
        "language": "en-US",
        "wallPlayback": "video",
        "maximumLoopDuration": 0,
        "css": "",
        "javascript": "",
        "customLocales": "",
        "handyKey": "",
        "funscriptOffset": 0,
        **dict.fromkeys(flags, False),
    }
    return [
        {
            "general": general,
            "interface": interface,
            "scraping": {
                "scraperUserAgent": "",
                "scraperCDPPath": "",
                "scraperCertCheck": True,
                "excludeTagPatterns": [],
            },
            "defaults": {"deleteFile": False, "deleteGenerated": True},
            "ui": {},
            "plugins": {},
        }
    ]


def present_saved_filter(row: Row) -> Row:
    """A saved filter as returned: in parts by newer releases, as one text by older ones."""
    find = decoded(row["find_filter"])
    if find is not None:
        find = {key: find.get(key) for key in ("q", "page", "per_page", "sort", "direction")}
        if find["direction"] not in _SORT_DIRECTIONS:
            find["direction"] = None
    objects = decoded(row["object_filter"])
    return {
        **row,
        "find_filter": find,
        "object_filter": objects,
        "ui_options": decoded(row["ui_options"]),
        "filter": json.dumps({**(find or {}), "c": objects or {}}, separators=(",", ":")),
    }


def _saved_filters(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    mode = args.get("mode")
    condition, parameters = ("WHERE mode = ? AND name <> ''", [mode]) if mode else ("", [])
    order = "name" if mode else "id"
    stored = ctx.library.rows(f"SELECT * FROM saved_filters {condition} ORDER BY {order}", parameters)
    return [[present_saved_filter(row) for row in stored]]


def _saved_filter(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    filters = ctx.library.rows("SELECT * FROM saved_filters WHERE id = ?", (args["id"],))
    return [present_saved_filter(filters[0]) if filters else None]


LOADERS: dict[tuple[str, str], Loader] = {
    ("Query", "version"): _version,
    ("Query", "latestversion"): _latest,
    ("Query", "systemStatus"): _status,
    ("Query", "stats"): _stats,
    ("Query", "configuration"): _configuration,
    ("Query", "findSavedFilters"): _saved_filters,
    ("Query", "findSavedFilter"): _saved_filter,
}
