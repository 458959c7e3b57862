"""``stash-pipeline silent-changes``: lists the objects that changed without a new ``updated_at``."""

import json
import sys
from collections import Counter
from datetime import datetime, timedelta, timezone

from stash_pipeline.commands.options import each_once
from stash_pipeline.commands.output import console
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings


def silent_changes(names: list[str], days: float | None, run_id: int | None, as_json: bool) -> None:
    """The command. With ``as_json``, one JSON object per line.

    Raises:
        UserError: if there is no such instance.
    """
    from stash_pipeline.instances import get_instance, list_instances
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.raw.history import silent_changes as changes
    from stash_pipeline.warehouse.raw.partitions import has_partitions
    from stash_pipeline.warehouse.session import open_warehouse

    since = None if days is None else datetime.now(timezone.utc) - timedelta(days=days)
    total = 0
    causes: Counter[str] = Counter()
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM ops.sync_runs").fetchone()
        # only a newer id is an error: older runs may have been removed before their changes
        if run_id is not None and newest and run_id > newest[0]:
            raise UserError(f"There is no run {run_id} yet; the newest is {newest[0]}.")
        instances = each_once([get_instance(connection, name) for name in names]) or list_instances(connection)
        for instance in instances:
            if not has_partitions(connection, instance.id):
                continue
            for change in changes(connection, instance.id, since=since, run_id=run_id):
                total += 1
                causes.update(f"{change['entity']}.{field}" for field in change["fields"])
                if as_json:
                    # of ASCII, for any terminal
                    sys.stdout.write(json.dumps({"instance": instance.name, **change}, default=_json) + "\n")
                    continue
                at = change["at"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
                prefix = f"{at}  {instance.name} {change['entity']} {change['id']} (run {change['run_id']})"
                console.print(f"{prefix}: {', '.join(change['fields'])}", highlight=False, markup=False, soft_wrap=True)
    if not as_json:
        console.print(_summary(total, causes), highlight=False, markup=False, soft_wrap=True)


def _json(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _summary(total: int, causes: Counter[str]) -> str:
    if not total:
        return "No object changed without its updated_at."
    counted = ", ".join(f"{name} {count:,}" for name, count in causes.most_common())
    return f"{total:,} {'change' if total == 1 else 'changes'} without updated_at: {counted}."
