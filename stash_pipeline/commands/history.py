"""``stash-pipeline history``: what changed in one object, and when, field by field."""

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.errors import UserError
from stash_pipeline.settings import get_settings


def history(entity: str, identifier: int, instance: str | None, as_json: bool) -> None:
    """The command.

    Raises:
        UserError: if there is no such entity or instance, or the object was never stored.
    """
    from stash_pipeline.instances import get_instance, list_instances
    from stash_pipeline.stash.entities import BY_NAME
    from stash_pipeline.warehouse.connect import connect
    from stash_pipeline.warehouse.raw.history import described, timeline
    from stash_pipeline.warehouse.raw.partitions import has_partitions
    from stash_pipeline.warehouse.session import open_warehouse

    if entity not in BY_NAME:
        raise UserError(f"There is no entity {entity!r}; choose one of {', '.join(BY_NAME)}.")
    with open_warehouse(get_settings()) as settings, connect(settings.database() or "") as connection:
        instances = [get_instance(connection, instance)] if instance else list_instances(connection)
        timelines = {
            candidate.name: events
            for candidate in instances
            if has_partitions(connection, candidate.id)
            and (events := timeline(connection, candidate.id, entity, identifier))
        }
    if not timelines:
        where = f"of {instance}" if instance else "of any instance"
        raise UserError(f"No object {identifier} was ever stored among the {entity} {where}; check the id.")
    if as_json:
        print_json(timelines)
        return
    for name, events in timelines.items():
        console.print(f"[bold]{name}, {entity} {identifier}[/bold]", highlight=False)
        for event in events:
            at = event["at"].astimezone().strftime("%Y-%m-%d %H:%M:%S")
            console.print(f"{at}  {event['change']} (run {event['run_id']})", highlight=False)
            if event["change"] in ("changed", "returned"):
                for field in event["fields"]:
                    console.print(f"    {described(*field)}", highlight=False, markup=False)
