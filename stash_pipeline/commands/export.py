"""``stash-pipeline export``: tables and views as files, and NFO files for media centers."""

from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from stash_pipeline.commands.options import each_once, require
from stash_pipeline.commands.output import console, print_json, table
from stash_pipeline.settings import get_settings

_TABLES: Final = "tables"
_NFO: Final = "nfo"


class _TablesByDefault(TyperGroup):
    """``export scenes`` is ``export tables scenes``: the names of tables follow the command itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Inserts the name of the command if it is left out."""
        if args and args[0] not in (_TABLES, _NFO, "--help"):
            args = [_TABLES, *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_TablesByDefault,
    no_args_is_help=True,
    help="Write tables and views to files: `export TABLE...`; or NFO files: `export nfo INSTANCE`.",
)


class FileFormat(str, Enum):
    """The formats of :mod:`stash_pipeline.exports.selection`."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"


@app.command(_TABLES)
def tables(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE", help="Tables, views and patterns: scenes, scenes_full, catalog.scenes, 'catalog.*'."
        ),
    ],
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="Default: STASH_PIPELINE_EXPORT_FORMAT, which is csv.")
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="SQL", help="Only rows for which this condition is true, for example 'rating100 > 80'."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Default: STASH_PIPELINE_EXPORT_DIR, or exports in the home.")
    ] = None,
    instance: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only rows of this instance; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write tables and views to files, all from one consistent state of the database."""
    from stash_pipeline.exports.tables import export_tables
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(get_settings()) as settings:
        export = export_tables(
            settings.database() or "",
            names,
            file_format=file_format.value if file_format else settings.export_format,
            folder=out or settings.exports,
            where=where,
            instances=each_once(instance or []),
            timeout_seconds=settings.export_seconds,
        )
    if as_json:
        print_json({**asdict(export), "folder": str(export.folder)})
        return
    rows = [[exported.table, exported.file, exported.rows, exported.bytes] for exported in export.tables]
    table(f"Written to {export.folder}", ["table", "file", "rows", "bytes"], rows, numbers=2)


@app.command(_NFO)
def nfo(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="Whose scenes get a file each.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to write to.")] = None,
    beside_media: Annotated[
        bool, typer.Option("--beside-media", help="Write each file beside its video instead; needs --map.")
    ] = False,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="SERVER=LOCAL", help="Folder as the server sees it, and as it is here; repeatable."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also replace NFO files that stash-pipeline did not write.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write an NFO file per scene, which Kodi, Jellyfin and Emby read."""
    from stash_pipeline.exports.nfo import export_nfo, parsed_mapping
    from stash_pipeline.warehouse.session import open_warehouse

    require("--map", "--beside-media", bool(mapping), beside_media)
    with open_warehouse(get_settings()) as settings:
        result = export_nfo(
            settings.database() or "",
            instance,
            folder=out,
            mapping=parsed_mapping(mapping or []) if beside_media else None,
            overwrite=overwrite,
        )
    if as_json:
        print_json(asdict(result))
        return
    console.print(result.sentence(), markup=False, highlight=False, soft_wrap=True)
