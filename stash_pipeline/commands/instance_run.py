"""Runs the job of a mode for one instance in this process, and returns its outcome for a command."""

from typing import Any

from stash_pipeline.settings import Settings

SUMMED = ("fetched", "inserted", "updated", "unchanged", "removed")
WRITTEN = ("inserted", "updated", "removed")


def run_one(dagster: Any, settings: Settings, name: str, config: dict[str, Any]) -> dict[str, Any]:
    """Runs the job of the mode in this process and returns its outcome.

    Args:
        config: configuration of the step, see ``assets/pipeline.py``.
    """
    from stash_pipeline.assets.checks import checks_of
    from stash_pipeline.assets.tags import MODE_TAG, REASON_TAG, REQUESTED_BY_TAG, shortened
    from stash_pipeline.automation.jobs import JOB_OF_MODE, step_config
    from stash_pipeline.runtime.in_process import run_job

    run_config = step_config(**config)
    checks = checks_of(config["mode"]) if not config["dry_run"] else frozenset()
    tags = {
        MODE_TAG: config["mode"],
        REASON_TAG: shortened(_command(name, config)),
        REQUESTED_BY_TAG: "command line",
    }
    job = JOB_OF_MODE[config["mode"]]
    result = run_job(job, instance=dagster, partition_key=name, run_config=run_config, checks=checks, tags=tags)
    return {
        "instance": name,
        "success": result.success,
        "error": result.failure,
        "run_id": result.run_id,
        **(_preview(dagster, result.run_id) if config["dry_run"] else _outcome(settings, result.run_id)),
    }


def _command(name: str, config: dict[str, Any]) -> str:
    """The command line of a run of one instance."""
    words = ["stash-pipeline sync", name]
    if config["mode"] in ("reconcile", "sweep"):
        words += ["--mode", config["mode"]]
    for option, values in (("--entity", config["entities"]), ("--id", config["ids"])):
        for value in values:
            words += [option, str(value)]
    if config.get("lane"):
        words += ["--lane", config["lane"]]
    words += [
        option for option, key in (("--accept-removals", "accept_removals"), ("--dry-run", "dry_run")) if config[key]
    ]
    return " ".join(words)


def _preview(dagster: Any, run_id: str) -> dict[str, Any]:
    """The observations of a dry run."""
    from stash_pipeline.assets import metadata as md
    from stash_pipeline.runtime.in_process import observations

    entities: dict[str, Any] = {}
    release = None
    for entity, values in observations(dagster, run_id).items():
        release = values["release"]
        entities[entity] = {
            **{key: values[key] for key in SUMMED},
            md.CHANGED_FIELDS: values[md.CHANGED_FIELDS],
            md.WOULD_CHANGE: values[md.WOULD_CHANGE].splitlines(),
        }
    return {"release": release, "entities": entities, "seconds": None}


def _outcome(settings: Settings, run_id: str) -> dict[str, Any]:
    """The outcome of a run. A sweep starts with a reconcile; both count."""
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.warehouse.connect import connect

    with connect(settings.database() or "") as connection:
        rows = connection.execute(
            "SELECT release, entities, extract(epoch FROM finished_at - started_at)::float8, lane, lane_reason\n"
            "FROM ops.sync_runs WHERE dagster_run_id = %s ORDER BY id",
            [run_id],
        ).fetchall()
    if not rows:
        return {"release": None, "entities": {}, "seconds": None}
    release, _, _, lane, reason = rows[-1]
    entities = {}
    # JSONB sorts keys by length
    for name in BY_NAME:
        reads = [row[1][name] for row in rows if name in (row[1] or {})]
        if reads:
            written = {key: sum(read[key] for read in reads) for key in WRITTEN}
            before = sum(read["inserted"] + read["updated"] for read in reads[:-1])
            unchanged = max(reads[-1]["unchanged"] - before, 0)
            entities[name] = {**reads[-1], **written, "unchanged": unchanged}
    seconds = [row[2] for row in rows if row[2] is not None]
    return {
        "release": release,
        "entities": entities,
        "seconds": sum(seconds) if seconds else None,
        "lane": lane,
        "lane_reason": reason,
    }
