"""The job ``export`` and its schedule, which is off until it is switched on in the UI."""

from typing import Final

import dagster as dg

from stash_pipeline.assets.metadata import BYTES
from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.errors import UserError

EXPORT: Final = "export"


@dg.op(
    name="write_files",
    out=dg.Out(dg.Nothing),
    description="Writes the tables of STASH_PIPELINE_EXPORT_TABLES to files.",
)
def _write_files(context: dg.OpExecutionContext, warehouse: dg.ResourceParam[WarehouseResource]) -> None:
    from stash_pipeline.exports.tables import export_tables

    settings = warehouse.settings
    try:
        result = export_tables(
            warehouse.url(),
            settings.export_tables.replace(",", " ").split(),
            file_format=settings.export_format,
            folder=settings.exports,
            timeout_seconds=settings.export_seconds,
        )
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    records = [
        dg.TableRecord({"table": table.table, "file": table.file, "rows": table.rows, "bytes": table.bytes})
        for table in result.tables
    ]
    schema = dg.TableSchema(
        [
            dg.TableColumn("table"),
            dg.TableColumn("file"),
            dg.TableColumn("rows", "int"),
            dg.TableColumn("bytes", "int"),
        ]
    )
    context.add_output_metadata(
        {
            "folder": dg.MetadataValue.path(str(result.folder)),
            "files": dg.MetadataValue.table(records, schema),
            "rows": sum(table.rows for table in result.tables),
            BYTES: sum(table.bytes for table in result.tables),
            "revision": result.revision,
        }
    )


@dg.job(
    name=EXPORT,
    description="Writes tables and views to files, all from one state of the database: STASH_PIPELINE_EXPORT_TABLES "
    "in STASH_PIPELINE_EXPORT_FORMAT to STASH_PIPELINE_EXPORT_DIR. The command `stash-pipeline export` does the same.",
    executor_def=dg.in_process_executor,
)
def export() -> None:
    """The job of the schedule."""
    _write_files()


def export_schedule(hour: int) -> dg.ScheduleDefinition:
    """The schedule that exports every day."""
    return dg.ScheduleDefinition(
        name="export_schedule",
        job=export,
        cron_schedule=f"40 {hour} * * *",
        description="Writes the tables of STASH_PIPELINE_EXPORT_TABLES to files once a day. Off until you switch it "
        "on.",
        default_status=dg.DefaultScheduleStatus.STOPPED,
    )
