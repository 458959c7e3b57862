"""``stash-pipeline verify``: verifies that the stored data is what was read, and repairs it."""

from typing import TYPE_CHECKING, Any

from stash_pipeline.commands.options import each_once
from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from stash_pipeline.instances import Instance
    from stash_pipeline.warehouse.connect import Connection

_WAIT_SECONDS = 60.0
"""How long to wait for another run that writes to the instance."""

_LINES = 50
"""The most differences printed for one instance; JSON has all."""


def verify(names: list[str], sample: int | None, repair: bool, as_json: bool) -> int:
    """The command; returns the exit code: 1 if anything differs and was not repaired.

    Args:
        sample: documents per entity to check; None checks all.

    Raises:
        UserError: if there is no such instance, or another run writes to it.
    """
    from stash_pipeline.instances import get_instance, list_instances
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.raw.partitions import has_partitions
    from stash_pipeline.warehouse.session import open_warehouse

    outcomes: list[dict[str, Any]] = []
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        chosen = each_once([get_instance(connection, name, with_removed=True) for name in names])
        for instance in chosen or list_instances(connection, with_removed=True):
            if not has_partitions(connection, instance.id):
                outcomes.append({"instance": instance.name, "documents": 0, "intact": True, "differences": []})
            else:
                outcomes.append(_verify_instance(settings, connection, instance, sample, repair))
            if not as_json:
                _print(outcomes[-1])
    if not outcomes:
        raise UserError("No instance is registered; add one with `stash-pipeline instances add home URL`.")
    if as_json:
        print_json(outcomes)
    return 0 if all(outcome["intact"] or outcome.get("repaired") for outcome in outcomes) else 1


def _verify_instance(
    settings: Settings, connection: "Connection", instance: "Instance", sample: int | None, repair: bool
) -> dict[str, Any]:
    from stash_pipeline.warehouse.connect import instance_lock
    from stash_pipeline.warehouse.entities.integrity import check_instance, mark_damaged

    url = settings.database() or ""
    unread = 0
    # a sync between two queries would look like damage
    with instance_lock(url, instance.id, instance.name, wait_seconds=_WAIT_SECONDS):
        report = check_instance(connection, instance.id, sample)
        outcome: dict[str, Any] = {
            "instance": instance.name,
            "documents": report.documents.documents,
            "intact": report.intact,
            "differences": report.lines(),
        }
        if report.intact or not repair:
            return outcome
        if not report.documents.intact:
            unread = mark_damaged(connection, instance.id, report.documents)
    errors = _read_again(settings, instance) if not report.documents.intact else []
    with instance_lock(url, instance.id, instance.name, wait_seconds=_WAIT_SECONDS):
        left = check_instance(connection, instance.id, sample)
    if left.tables or left.not_compared:
        errors += _rebuild(settings, connection, instance)
        with instance_lock(url, instance.id, instance.name, wait_seconds=_WAIT_SECONDS):
            left = check_instance(connection, instance.id, sample)
    if unread and errors:
        # the marks stay, so the next successful sync writes these documents again
        errors.append(f"the next successful sync reads the damaged documents again ({unread})")
    outcome.update(repaired=left.intact, left=left.lines(), errors=errors)
    return outcome


def _read_again(settings: Settings, instance: "Instance") -> list[str]:
    """Reads damaged entities from the server, in a run that the UI shows; returns the errors."""
    from stash_pipeline.commands.sync import sync_instances

    if instance.removed_at is not None:
        return [f"the instance {instance.name} was removed, so its server is not read"]
    # marked entities are read in full in any mode; this mode omits the check of the tables, which may need a rebuild
    (result,) = sync_instances(settings, [instance.name], [], mode="changes", show=False)
    return [] if result["success"] else [str(result["error"])]


def _rebuild(settings: Settings, connection: "Connection", instance: "Instance") -> list[str]:
    """Rebuilds entities and joins, in a run that the UI shows; returns the errors."""
    from stash_pipeline.runtime.in_process import dagster_instance, run_job
    from stash_pipeline.warehouse.connect import instance_lock
    from stash_pipeline.warehouse.entities.transform import rebuild_layer

    if instance.removed_at is not None:
        # a removed instance has no partition, so no job can run for it
        with instance_lock(settings.database() or "", instance.id, instance.name, wait_seconds=_WAIT_SECONDS):
            rebuild_layer(connection, instance.id)
        return []
    with dagster_instance(settings.home) as dagster:
        result = run_job("rebuild", instance=dagster, partition_key=instance.name)
    return [] if result.success else [str(result.failure)]


def _print(outcome: dict[str, Any]) -> None:
    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    name, differences = outcome["instance"], outcome["differences"]
    if outcome["intact"]:
        say(f"{name}: {outcome['documents']:,} documents and the tables derived from them are intact.")
        return
    say(f"{name}: {outcome['documents']:,} documents were checked; these rows differ from what was stored:")
    for line in differences[:_LINES]:
        say(f"  {line}")
    if len(differences) > _LINES:
        say(f"  … and {len(differences) - _LINES} more (--json prints all)")
    if "repaired" not in outcome:
        say(f"Repair them with `stash-pipeline verify {name} --repair`.")
    elif outcome["repaired"]:
        say("All of them were repaired.")
    else:
        for line in [*outcome["errors"], *outcome["left"][:_LINES]]:
            say(f"  not repaired: {line}")
