"""Writes ``docs/tables.md`` from the table registry: ``python -m stash_pipeline.warehouse.documentation docs``.

A test compares the file with the generated text.
"""

import sys
from pathlib import Path

from sqlalchemy import ForeignKeyConstraint, Table

from stash_pipeline.layers import LAYERS, Layers
from stash_pipeline.warehouse.published.views import KEYS, PUBLISHED
from stash_pipeline.warehouse.stashbox.missing import MISSING_COLUMNS
from stash_pipeline.warehouse.tables import METADATA, RAW, type_name
from stash_pipeline.warehouse.views import COUNTS, VIEWS, View

_HEADER = """# Tables

Generated from the table registry by `python -m stash_pipeline.warehouse.documentation docs`; do not edit.

Every table of the schemas `raw` (except `raw.pages`) and `stash` (except `stash.merges`) is partitioned by instance.
The partitions are in the schema `partitions`; queries do not need to name them. `instance_id` is `ops.instances.id`.
Ids are the server's own, and unique within one instance only.
"""

_VIEWS = """
## Views

| view | content |
|---|---|
| {counts} | the counts that Stash shows, derived from the join tables |
| `stash.stash_performers`, `stash_tags`, `stash_tag_parents`, `stash_scenes`, `stash_scene_performers`, `stash_scene_tags` | the tables of the local-sync plan, with its column names |
| `raw.silent_changes` | the changes in `raw.history` without a new `updated_at`: instance_id, entity, id, recorded_at, run_id, revision, and the names of the fields that changed |
| `stashbox.missing` | the scenes that boxes list for favorite performers and studios, and that no instance owns: {missing} |
{layers}

The following views are for people and their tools; [queries.md](queries.md) has examples.

{published}"""  # noqa: E501


def _section(table: Table) -> str:
    keys = {column.name for column in table.primary_key.columns}
    targets: dict[str, str] = {}
    for constraint in table.constraints:
        if isinstance(constraint, ForeignKeyConstraint):
            element = constraint.elements[-1]
            targets[element.parent.name] = element.target_fullname
    lines = [f"### {table.fullname}", "", table.comment or "", "", "| column | type | |", "|---|---|---|"]
    for column in table.columns:
        notes = []
        if column.name in keys:
            notes.append("key")
        if column.name in targets:
            notes.append(f"→ `{targets[column.name]}`")
        if column.comment and column.comment != targets.get(column.name):
            notes.append(column.comment)
        lines.append(f"| {column.name} | {type_name(column)} | {'; '.join(notes)} |")
    return "\n".join(lines) + "\n"


def _view(view: View) -> str:
    keys = KEYS[view.name]
    lines = [f"### {view.name}", "", view.comment, "", "| column | |", "|---|---|"]
    for name, comment in view.columns.items():
        lines.append(f"| {name} | {'key; ' if name in keys else ''}{comment} |")
    return "\n".join(lines) + "\n"


def _view_section(view: View) -> str:
    lines = [f"### {view.name}", "", view.comment, "", "| column | |", "|---|---|"]
    lines += [f"| {name} | {comment} |" for name, comment in view.described_columns().items()]
    return "\n".join(lines) + "\n"


def tables_page(layers: Layers = LAYERS) -> str:
    """The text of ``docs/tables.md``."""
    parts = [_HEADER]
    tables = [table for layer in layers for table in layer.tables]
    for group in dict.fromkeys(table.group for table in tables):
        parts += [f"\n## {group.replace('_', ' ').capitalize()}\n"]
        parts += [_section(table.table) for table in tables if table.group == group]
    parts += ["\n## Raw\n", f"`raw.<entity>` is the same for {', '.join(RAW)}.\n", _section(RAW["scenes"])]
    parts += [_section(METADATA.tables["raw.history"]), _section(METADATA.tables["raw.pages"]), "\n## Stash-boxes\n"]
    parts += [
        *(_section(table) for table in METADATA.tables.values() if table.schema == "stashbox"),
        "\n## Operations\n",
    ]
    parts += [_section(table) for table in METADATA.tables.values() if table.schema == "ops"]
    views = [f"| `{view.name}` | {view.comment} |" for layer in layers for view in layer.views]
    page = "\n".join(parts) + _VIEWS.format(
        counts=", ".join(f"`{view.name}`" for view in COUNTS),
        missing=", ".join(name for name, _, _ in MISSING_COLUMNS),
        layers="\n".join(views),
        published="\n".join(_view(view) for view in PUBLISHED.values()),
    )
    views_of_tables = [*VIEWS.values(), *(view for layer in layers for view in layer.views)]
    described = [view for view in views_of_tables if view.columns and view.name not in PUBLISHED]
    return "\n".join([page, *map(_view_section, described)])


if __name__ == "__main__":
    (Path(sys.argv[1]) / "tables.md").write_text(tables_page(), "utf-8")
