"""``stash-pipeline sync``: runs the jobs ``refresh``, ``reconcile``, ``sweep`` through the UI's Dagster instance."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from stash_pipeline import progress as progress_events
from stash_pipeline.commands.ahead import import_ahead
from stash_pipeline.commands.instance_run import SUMMED, WRITTEN, run_one
from stash_pipeline.commands.options import each_once
from stash_pipeline.commands.output import console, print_json, stderr, table
from stash_pipeline.commands.worker import WorkerPool
from stash_pipeline.errors import UserError
from stash_pipeline.runtime.dagster_home import DEFINITIONS_MODULE
from stash_pipeline.settings import Settings, get_settings


class Bars:
    """A progress bar per instance and entity, which never exceeds its total."""

    def __init__(self, bars: Progress) -> None:
        self.bars = bars
        self.lock = threading.Lock()
        self.tasks: dict[tuple[str, str], TaskID] = {}

    def _task(self, instance: str, entity: str) -> Task:
        with self.lock:
            key = (instance, entity)
            if key not in self.tasks:
                self.tasks[key] = self.bars.add_task(f"{instance} {entity}", total=None)
            identifier = self.tasks[key]
            return next(task for task in self.bars.tasks if task.id == identifier)

    def started(self, instance: str) -> None:
        """Removes the bars of an instance to start over."""
        with self.lock:
            for key in [key for key in self.tasks if key[0] == instance]:
                self.bars.remove_task(self.tasks.pop(key))

    def expected(self, instance: str, entity: str, count: int) -> None:
        """Sets the total of a bar, which is never less than what was fetched."""
        task = self._task(instance, entity)
        self.bars.update(task.id, total=max(count, int(task.completed)))

    def fetched(self, instance: str, entity: str, count: int) -> None:
        """Advances a bar, at most to its total: objects may be read twice."""
        task = self._task(instance, entity)
        completed = task.completed + count
        self.bars.update(task.id, completed=completed if task.total is None else min(completed, task.total))

    def complete(self, instance: str, entity: str) -> None:
        """Completes a bar at the number of fetched objects."""
        task = self._task(instance, entity)
        self.bars.update(task.id, total=task.completed)


@contextmanager
def progress_bars(show: bool) -> Any:
    """Shows the progress of runs of this process on standard error for a block, unless ``show`` is false."""
    if not show:
        yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as bars:
        listener = Bars(bars)
        progress_events.listen(listener)
        try:
            yield
        finally:
            progress_events.forget(listener)


WAIT_SECONDS = 60.0
"""How long a run waits by default for another run that writes to the same instance."""


def sync_instances(
    settings: Settings,
    names: list[str],
    entities: list[str],
    *,
    mode: str = "changes",
    ids: list[int] | None = None,
    show: bool = True,
    wait_seconds: float = WAIT_SECONDS,
    accept_removals: bool = False,
    dry_run: bool = False,
    lane: str | None = None,
) -> list[dict[str, Any]]:
    """Runs the job of the mode for the given instances (default: all enabled ones), several at a time.

    Args:
        settings: with the address of a database that is ready.
        entities: entities to read; empty reads all.
        mode: how much is read, see ``sync/graphql_reading.py``. ids: of mode objects, which takes one entity.
        wait_seconds: how long to wait for another run of an instance; 0 fails at once.
        accept_removals: sync even if a safeguard would stop the run.
        dry_run: write nothing, and report what would change.
        lane: how everything is read; None uses the lane of the instance.

    Returns:
        per instance: name, success, error, run id, and the statistics per entity.
    """
    from stash_pipeline.instances import get_instance, list_instances
    from stash_pipeline.partitions import sync_partitions
    from stash_pipeline.runtime.in_process import dagster_instance
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.warehouse.connect import connect

    for entity in entities:
        if entity not in BY_NAME:
            raise UserError(f"There is no entity {entity!r}; choose one of {', '.join(BY_NAME)}.")
    if ids and len(set(entities)) != 1:
        raise UserError("--id needs exactly one --entity, for example --entity scenes.")
    url = settings.database()
    assert url is not None
    with connect(url) as connection:
        registered = list_instances(connection)
        chosen = each_once([get_instance(connection, name).name for name in names]) or [
            instance.name for instance in registered if instance.enabled
        ]
    if not chosen:
        raise UserError("No instance is registered; add one with `stash-pipeline instances add home URL`.")
    with dagster_instance(settings.home) as dagster:
        sync_partitions(dagster, [instance.name for instance in registered])
        config = {
            "mode": mode,
            "ids": sorted(set(ids or [])),
            "entities": each_once(entities),
            "wait_seconds": wait_seconds,
            "accept_removals": accept_removals,
            "dry_run": dry_run,
            **({"lane": lane} if lane else {}),
        }
        with progress_bars(show):
            return _run_all(dagster, settings, chosen, config)


def _run_all(dagster: Any, settings: Settings, names: list[str], config: dict[str, Any]) -> list[dict[str, Any]]:
    if len(names) == 1:
        return [run_one(dagster, settings, names[0], config)]
    # one process each: Dagster sets up the logging of a run for the whole process, and two at once can deadlock
    with ThreadPoolExecutor(max_workers=settings.instances_in_parallel) as pool:
        workers = WorkerPool(settings, config)
        try:
            return list(pool.map(workers.run, names))
        except BaseException:
            workers.interrupt()
            try:
                pool.shutdown()
            except KeyboardInterrupt:
                # the second Ctrl-C: killing is safe, because the next run continues from the last commit
                workers.kill()
            raise


def sync(
    names: list[str],
    entities: list[str],
    as_json: bool,
    *,
    mode: str = "changes",
    ids: list[int] | None = None,
    wait_seconds: float = WAIT_SECONDS,
    accept_removals: bool = False,
    dry_run: bool = False,
    lane: str | None = None,
) -> int:
    """The command; returns the exit code."""
    settings = get_settings()
    # while Postgres starts
    import_ahead("stash_pipeline.runtime.in_process", "stash_pipeline.runtime.dagster_storage", DEFINITIONS_MODULE)
    from stash_pipeline.warehouse.session import open_warehouse

    with open_warehouse(settings) as settings:
        outcomes = sync_instances(
            settings,
            names,
            entities,
            mode=mode,
            ids=ids,
            show=not as_json,
            wait_seconds=wait_seconds,
            accept_removals=accept_removals,
            dry_run=dry_run,
            lane=lane,
        )
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            if dry_run and outcome["success"]:
                print_preview(outcome)
            else:
                print_outcome(outcome)
    # with --id, an object that could not be read is a failure
    failed = bool(ids) and any(
        change.get("failures") for outcome in outcomes for change in outcome["entities"].values()
    )
    return 0 if all(outcome["success"] for outcome in outcomes) and not failed else 1


def print_outcome(outcome: dict[str, Any]) -> None:
    """Prints a summary per entity, or the error."""
    rows = [
        [entity, *[change[key] for key in SUMMED]]
        for entity, change in outcome["entities"].items()
        if any(change[key] for key in WRITTEN)
    ]
    seconds = f" {outcome['seconds']:.1f} s" if outcome["seconds"] is not None else ""
    release = f" ({outcome['release']})" if outcome["release"] else ""
    title = f"{outcome['instance']}{release}{seconds}"
    if rows:
        table(title, ["entity", *SUMMED], rows, numbers=5)
    elif outcome["success"]:
        console.print(f"{title}: nothing changed.", highlight=False, markup=False, soft_wrap=True)
    for entity, change in outcome["entities"].items():
        if change.get("unreadable"):
            stderr.print(
                f"{change['unreadable']:,} {entity} have values that their columns cannot hold, and were stored "
                "without them; `unreadable` in their documents contains the values.",
                highlight=False, markup=False, soft_wrap=True,
            )  # fmt: skip
        for failure in change.get("failures", ()):
            stderr.print(f"could not read {entity} {failure}", highlight=False, markup=False, soft_wrap=True)
    if not outcome["success"]:
        # an error can contain what a server sent, including brackets
        name = outcome["instance"]
        message = str(outcome["error"]).removeprefix(f"{name}: ")
        stderr.print(Text(name, style="red") + Text(f": {message}"), soft_wrap=True)


def print_preview(outcome: dict[str, Any]) -> None:
    """Prints what a dry run would change: counts, and object by object."""
    rows = [[entity, *[change[key] for key in SUMMED]] for entity, change in outcome["entities"].items()]
    if rows:
        table(f"{outcome['instance']} ({outcome['release']}) would change", ["entity", *SUMMED], rows, numbers=5)
    for entity, change in outcome["entities"].items():
        for line in change["would_change"]:
            console.print(f"{entity} {line}", highlight=False, markup=False, soft_wrap=True)
    if not outcome["entities"]:
        console.print(f"{outcome['instance']}: nothing would change.", highlight=False, markup=False)
