"""The timetables of the registered instances, for what runs by itself."""

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance, list_instances
from stash_pipeline.settings import Settings
from stash_pipeline.sync.timetable import Timetable, timetable_of
from stash_pipeline.warehouse.connect import Connection

Turns = list[tuple[Instance, Timetable]]


def turns_of(connection: Connection, settings: Settings) -> tuple[Turns, list[str]]:
    """The timetables of the enabled instances, and a sentence about each that has none."""
    turns: Turns = []
    said = []
    for instance in list_instances(connection, enabled_only=True):
        try:
            turns.append((instance, timetable_of(instance, settings)))
        except UserError as error:
            said.append(f"{instance.name} has no turn: {error}")
    return turns, said
