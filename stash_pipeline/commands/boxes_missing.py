"""``stash-pipeline boxes missing``: what stash-boxes list for favorites, and no server has."""

from typing import Any

from stash_pipeline.commands.csv_output import write_csv
from stash_pipeline.commands.options import refuse_together
from stash_pipeline.commands.output import console, print_json, stderr, table

_SHOWN = 50
"""Rows of a table for people."""


def show_missing(connection: Any, name: str | None, csv_file: str | None, as_json: bool) -> None:
    """Prints or writes the rows of ``stashbox.missing``, each with the page of the box."""
    from stash_pipeline.stashbox.endpoints import web_url
    from stash_pipeline.stashbox_registry import get_endpoint, list_endpoints
    from stash_pipeline.warehouse.stashbox.missing import MISSING_COLUMNS, list_states, missing_scenes

    refuse_together({"--csv": csv_file is not None, "--json": as_json})
    endpoints = [get_endpoint(connection, name)] if name else list_endpoints(connection, enabled_only=True)
    urls = {endpoint.id: endpoint.url for endpoint in endpoints}
    states = list_states(connection, list(urls))
    rows = [
        {**row, "url": web_url(urls[row["endpoint_id"]], "scenes", row["scene_id"])}
        for row in missing_scenes(connection, list(urls))
    ]
    columns = [column for column, _, _ in MISSING_COLUMNS if column != "endpoint_id"] + ["url"]
    if as_json:
        print_json([{column: row[column] for column in columns} for row in rows])
    elif csv_file is not None:
        lists = ("performers", "favorites")
        write_csv(csv_file, columns, ({**row, **{name: "; ".join(row[name]) for name in lists}} for row in rows))
    elif rows:
        _print(rows)
    for endpoint in endpoints:
        if not endpoint.list_missing:
            _say(
                f"{endpoint.name} is not asked for the scenes of favorites; switch it on with "
                f"`stash-pipeline boxes edit {endpoint.name} --list-missing`."
            )
            continue
        state = states[endpoint.id]
        _say(
            f"{endpoint.name}: {sum(row['endpoint_id'] == endpoint.id for row in rows):,} scenes are missing; "
            f"{state.complete:,} of {state.lists:,} lists of favorites were read"
            + (f", {state.failed:,} failed ({state.error})." if state.failed else ".")
        )
    if not endpoints:
        _say("No stash-box is enabled; add one with `stash-pipeline boxes add`.")


def _print(rows: list[dict[str, Any]]) -> None:
    shown = [
        [
            row["box"], row["date_text"], row["title"], row["studio"], ", ".join(row["favorites"]),
            "yes" if row["waits_for_decision"] else None, row["url"],
        ]
        for row in rows[:_SHOWN]
    ]  # fmt: skip
    table(None, ["box", "date", "title", "studio", "favorites", "to decide", "page"], shown)
    if len(rows) > _SHOWN:
        console.print(f"{len(rows) - _SHOWN:,} more are not shown; --csv and --json show all.", highlight=False)


def _say(text: str) -> None:
    # beside the rows, which may be piped
    stderr.print(text, markup=False, highlight=False, soft_wrap=True)
