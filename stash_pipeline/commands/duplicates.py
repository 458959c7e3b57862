"""``stash-pipeline duplicates``: what is there several times, which copy to keep, and what that would free."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from stash_pipeline.commands.csv_output import STANDARD_OUTPUT, write_csv
from stash_pipeline.commands.options import each_once, refuse_together
from stash_pipeline.commands.output import console, print_json, stderr, table
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings

if TYPE_CHECKING:
    from stash_pipeline.warehouse.matches.duplicate_report import Group, Report, Totals, Where

SHOWN: Final = 50
"""Groups of each kind that are printed as a table by default; CSV and JSON have all."""


def duplicates(
    names: list[str],
    entity: str,
    *,
    within: bool = False,
    across: bool = False,
    limit: int | None = None,
    csv_file: str | None = None,
    as_json: bool = False,
) -> None:
    """The command.

    Raises:
        UserError: if there is no such instance, if options exclude each other, if nothing was matched yet, or if the
            file cannot be written.
    """
    from stash_pipeline.instances import get_instance
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.matches.duplicate_report import read_duplicates
    from stash_pipeline.warehouse.session import open_warehouse

    refuse_together({"--within": within, "--across": across})
    refuse_together({"--csv": csv_file is not None, "--json": as_json})
    where: Where = "within" if within else "across" if across else "anywhere"
    as_table = csv_file is None and not as_json
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        instances = each_once([get_instance(connection, name) for name in names])
        _refuse_unbuilt(connection)
        report = read_duplicates(
            connection,
            entity,
            instances=[instance.id for instance in instances],
            where=where,
            limit=SHOWN if limit is None and as_table else limit,
        )
    if as_json:
        print_json({"entity": entity, **asdict(report)})
    elif csv_file is not None:
        _write_csv(csv_file, entity, report)
    else:
        _print(entity, report)


def _refuse_unbuilt(connection: Any) -> None:
    from stash_pipeline.layers import LAYERS
    from stash_pipeline.warehouse.layers.shared import states
    from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER

    state = next(each for each in states(connection, LAYERS) if each.name == DUPLICATES_LAYER.name)
    if state.revision is None:
        raise UserError("Duplicates are not known yet; sync an instance, or run `stash-pipeline rebuild matches`.")
    if not state.current:
        stderr.print(
            "The matches are not up to date; `stash-pipeline status` says why, the next sync lets them follow.",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


# --- a table for people -------------------------------------------------------------------------------------


def _print(entity: str, report: "Report") -> None:
    if report.groups:
        _print_groups(f"Duplicate {entity}", entity, report.groups)
    if report.possible:
        _print_groups(f"Possible duplicate {entity}, for you to decide", entity, report.possible)
    missing = report.totals.groups - len(report.groups), report.totals.possible - len(report.possible)
    if any(missing):
        console.print(f"{sum(missing):,} more groups are not shown; --limit N shows more, --csv and --json all.")
    console.print(summary(entity, report.totals), markup=False, highlight=False, soft_wrap=True)


def _print_groups(title: str, entity: str, groups: list["Group"]) -> None:
    columns = ["group", "suggestion", "instance", "id", "name", "because", "would lose"]
    columns += ["video", "length", "bits", "size", "to gain"] if _is_video(entity) else ["scenes"]
    rows = []
    for number, group in enumerate(groups, 1):
        for copy in group.copies:
            name = copy["path"] if entity == "files" else copy["name"]
            because = [*_proposed(group), *copy["reasons"]]
            row = [
                str(number), _suggestion(copy), copy["instance"], _number(entity, copy), name, "; ".join(because),
                in_words(copy["loses"]) or None,
            ]  # fmt: skip
            rows.append(row + (_video(copy) if _is_video(entity) else [copy["scenes"]]))
    table(title, columns, rows, numbers=4 if _is_video(entity) else 1)


def _is_video(entity: str) -> bool:
    return entity in ("scenes", "files")


def _number(entity: str, copy: dict[str, Any]) -> str:
    return str(copy["file_id"] if entity == "files" else copy["id"])


def _proposed(group: "Group") -> list[str]:
    if group.rule is None:
        return []
    confidence = f"{100 * (group.confidence or 0):.4g} %"
    return [f"proposed by {group.rule} ({confidence})" + (f": {group.reason}" if group.reason else "")]


def _suggestion(copy: dict[str, Any]) -> str:
    if copy["is_keeper"]:
        return "keep"
    if copy["protected"]:
        return "protected"
    return "best here" if copy["is_best_here"] else "spare"


def _video(copy: dict[str, Any]) -> list[Any]:
    from stash_pipeline.matching.duplicates import shown_bytes

    size = f"{copy['width']}×{copy['height']}" if copy["width"] and copy["height"] else None
    rate = f"{copy['bit_rate'] / 1e6:.1f} Mb/s" if copy["bit_rate"] else None
    video = " ".join(text for text in (size, copy["video_codec"], rate) if text)
    gain = copy["bytes"] or copy["bytes_across"]
    return [
        video or None,
        None if copy["duration"] is None else _length(copy["duration"]),
        None if copy["phash_distance"] is None else str(copy["phash_distance"]),
        None if copy["size"] is None else shown_bytes(copy["size"]),
        None if not gain else shown_bytes(gain) if copy["bytes"] else f"({shown_bytes(gain)})",
    ]


def _length(milliseconds: int) -> str:
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def in_words(loses: dict[str, Any]) -> str:
    """What would be lost, in one line."""
    parts = []
    for name, value in loses.items():
        label = name.replace("_", " ")
        if isinstance(value, list):
            few = ", ".join(map(str, value[:3])) + (f" and {len(value) - 3:,} more" if len(value) > 3 else "")
            parts.append(f"{label}: {few}")
        elif value is True:
            parts.append(label)
        else:
            parts.append(f"{label} {value:,}")
    return "; ".join(parts)


def summary(entity: str, totals: "Totals") -> str:
    """The closing line."""
    from stash_pipeline.matching.duplicates import shown_bytes

    sentences = []
    if not totals.groups:
        sentences.append(f"No duplicate {entity}.")
    else:
        groups = "1 group" if totals.groups == 1 else f"{totals.groups:,} groups"
        sentences.append(f"{groups} of duplicate {entity}, {totals.copies:,} copies.")
    if totals.groups and _is_video(entity):
        servers = ", ".join(f"{name} {shown_bytes(size)}" for name, size in totals.by_instance.items())
        sentences.append(
            f"Removing those that are not the best of their server would free {shown_bytes(totals.bytes)}"
            + (f" ({servers})." if servers else ".")
        )
        if totals.bytes_across:
            sentences.append(
                f"Another {shown_bytes(totals.bytes_across)} are the best copies of their server, while another server "
                "has one that is as good or better; they may be your backup, so decide yourself."
            )
    if totals.possible:
        pairs = "1 more pair" if totals.possible == 1 else f"{totals.possible:,} more pairs"
        sentences.append(f"{pairs} may be duplicates.")
    return " ".join([*sentences, "Nothing was changed."])


# --- CSV ----------------------------------------------------------------------------------------------------


def _write_csv(target: str, entity: str, report: "Report") -> None:
    rows = [
        {
            "kind": group.kind, "group": group.id, **copy,
            "reasons": "; ".join(copy["reasons"]), "loses": json.dumps(copy["loses"], ensure_ascii=False),
            "rule": group.rule, "confidence": group.confidence, "reason": group.reason,
        }
        for group in (*report.groups, *report.possible)
        for copy in group.copies
    ]  # fmt: skip
    write_csv(target, list(rows[0]) if rows else ["kind", "group"], rows)
    if target != STANDARD_OUTPUT:
        noun = "row" if len(rows) == 1 else "rows"
        stderr.print(f"Wrote {len(rows):,} {noun} to {target}.", markup=False, highlight=False, soft_wrap=True)
        stderr.print(summary(entity, report.totals), markup=False, highlight=False, soft_wrap=True)
