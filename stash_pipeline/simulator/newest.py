"""Release v0.31.0, as far as it is known from secondary sources: its clients and discussions about it.

Contains its additions to the schema history, which ends with the release before it, and to the tables. Unlike the
history, none of it was checked against its code or a running server. Filters by custom fields are omitted.
"""

import copy
from typing import Any

RELEASE = "v0.31.0"
_BEFORE = "v0.30.1"

CUSTOM_FIELDS = {
    "Scene": ("scene_custom_fields", "scene_id", "scenes"),
    "Studio": ("studio_custom_fields", "studio_id", "studios"),
    "Tag": ("tag_custom_fields", "tag_id", "tags"),
    "Group": ("group_custom_fields", "group_id", "groups"),
    "Image": ("image_custom_fields", "image_id", "images"),
    "Gallery": ("gallery_custom_fields", "gallery_id", "galleries"),
}
"""Type -> table, owner column and owner table."""

_RENAMED = {
    "CircumisedEnum": "CircumcisedEnum",
    "PHashDuplicationCriterionInput": "DuplicationCriterionInput",
}


def with_newest(history: dict[str, Any]) -> dict[str, Any]:
    """The schema history with this release at its end."""
    result = copy.deepcopy(history)
    result["releases"].append(RELEASE)
    types: dict[str, Any] = result["types"]
    for source in types.values():
        for entries in source["fields"].values():
            for entry in list(entries):
                # changes that were under development when the history ended are in this release
                if entry.get("from") == "HEAD":
                    entry["from"] = RELEASE
                _rename(entries, entry)
    for old, new in _RENAMED.items():
        types[new] = {"kind": types[old]["kind"], "fields": {}}
        for name, entries in types[old]["fields"].items():
            types[new]["fields"][name] = [{**entries[-1], "from": RELEASE}]
            entries[-1]["until"] = _BEFORE
    for name in CUSTOM_FIELDS:
        _add(types, name, "custom_fields", "Map!")
    _add(types, "Studio", "organized", "Boolean!")
    for name in ("StudioCreateInput", "StudioUpdateInput", "BulkStudioUpdateInput", "StudioFilterType"):
        _add(types, name, "organized", "Boolean")
    for name in ("Performer", "PerformerCreateInput", "PerformerUpdateInput", "BulkPerformerUpdateInput"):
        for field in ("career_start", "career_end"):
            _add(types, name, field, "String")
    _add(types, "TagsMergeInput", "values", "TagUpdateInput")
    return result


def _rename(entries: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    for old, new in _RENAMED.items():
        if old in entry.get("t", "") and "until" not in entry:
            entries.append({**entry, "t": entry["t"].replace(old, new), "from": RELEASE})
            entry["until"] = _BEFORE


def _add(types: dict[str, Any], kind: str, field: str, text: str) -> None:
    if kind in types:
        types[kind]["fields"].setdefault(field, []).append({"from": RELEASE, "t": text})


def newest_script() -> str:
    """The statements that add this release's columns and tables to the layout before it."""
    statements = [
        "ALTER TABLE studios ADD COLUMN organized BOOLEAN NOT NULL DEFAULT 0",
        *(
            f"ALTER TABLE performers ADD COLUMN {column}"
            for column in (
                "career_start DATE",
                "career_start_precision TINYINT",
                "career_end DATE",
                "career_end_precision TINYINT",
            )
        ),
        *(
            f'CREATE TABLE {table} ({column} INTEGER NOT NULL REFERENCES "{owner}" (id) ON DELETE CASCADE,'
            " field VARCHAR(64) NOT NULL, value BLOB NOT NULL, PRIMARY KEY (" + column + ", field))"
            for table, column, owner in CUSTOM_FIELDS.values()
        ),
    ]
    return ";\n".join(statements) + ";\n"
