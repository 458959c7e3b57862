"""The timetables of the registered instances, for sensors and schedules."""

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, list_instances
from stash_pipeline.settings import Settings
from stash_pipeline.sync.timetable import Timetable, timetable_of
from stash_pipeline.warehouse.connect import Connection

Timetables = list[tuple[Instance, Timetable]]


def timetables_of(connection: Connection, settings: Settings) -> tuple[Timetables, list[str]]:
    """The timetables of the enabled instances, and an error for each instance without one."""
    timetables: Timetables = []
    errors = []
    for instance in list_instances(connection, enabled_only=True):
        try:
            timetables.append((instance, timetable_of(instance, settings)))
        except UserError as error:
            errors.append(f"{instance.name} is not scheduled: {error}")
    return timetables, errors
