"""A simulated box with the files of two servers, registered in their database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from stash_pipeline.settings import Settings
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.stashbox_registry import StashBoxEndpoint, add_endpoint, get_endpoint
from stash_pipeline.sync.stashbox import BoxReport, BoxSchedule, read_box
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.stashbox.lookups import Node
from stash_pipeline_tests.matches.working import Servers

KEY = "not-a-real-key"


@dataclass
class ReadBox:
    """A box that runs, and is read."""

    servers: Servers
    simulated: SimulatedStashBox
    endpoint: StashBoxEndpoint
    settings: Settings
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def box(self) -> Box:
        return self.simulated.box

    def read(self, days: float = 1.0) -> BoxReport:
        """Reads what is due, so many days later; the requests of earlier readings are forgotten."""
        self.now += timedelta(days=days)
        self.simulated.requests.clear()
        with connect(self.servers.database_url) as connection, self.endpoint.client(self.settings) as client:
            return read_box(
                connection,
                client,
                self.endpoint.id,
                self.endpoint.name,
                requests_per_minute=self.endpoint.requests_per_minute,
                schedule=BoxSchedule(),
                now=lambda: self.now,
            )

    def files(self) -> dict[Node, tuple[int, int | None, int]]:
        """Of scenes with one file: oshash, perceptual hash, seconds."""
        with connect(self.servers.database_url) as connection:
            rows = connection.execute(
                "SELECT x.instance_id, x.scene_id, min(p.value) FILTER (WHERE p.type = 'oshash'),\n"
                "    min(p.phash), round(min(f.duration))::integer\n"
                "FROM stash.scene_files AS x\n"
                "JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id\n"
                "JOIN stash.file_fingerprints AS p ON p.instance_id = f.instance_id AND p.file_id = f.id\n"
                "GROUP BY 1, 2 HAVING count(DISTINCT f.id) = 1\n"
                "    AND min(p.value) FILTER (WHERE p.type = 'oshash') IS NOT NULL ORDER BY 1, 2"
            ).fetchall()
        return {
            (row[0], row[1]): (int(row[2], 16), None if row[3] is None else row[3] % (1 << 64), row[4]) for row in rows
        }

    def add_scene_of(self, node: Node, *, users: int = 2) -> str:
        """A scene of the box to which people submitted the file of a local scene."""
        oshash, phash, seconds = self.files()[node]
        scene = self.box.add_scene(f"Box scene of {node[0]}:{node[1]}", duration=seconds, date="2019-04")
        self.box.submit(scene, "OSHASH", oshash, seconds, users=users)
        if phash is not None:
            self.box.submit(scene, "PHASH", phash, seconds, users=users)
        return scene

    def actions(self, node: Node) -> dict[str, str]:
        """The candidates of a local scene."""
        with connect(self.servers.database_url) as connection:
            return dict(
                connection.execute(
                    "SELECT box_scene_id, action FROM matches.stashbox_candidates\n"
                    "WHERE instance_id = %s AND scene_id = %s",
                    node,
                ).fetchall()
            )


@contextmanager
def new_box(servers: Servers, settings: Settings, content: Box | None = None) -> Iterator[ReadBox]:
    """A box that is registered; empty without content."""
    simulated = SimulatedStashBox(content or Box.create(), api_key=KEY)
    with simulated.running() as running:
        with connect(servers.database_url) as connection:
            add_endpoint(connection, "kitebox", running.url, home=settings.home, api_key=KEY)
            endpoint = get_endpoint(connection, "kitebox")
        yield ReadBox(servers, simulated, endpoint, settings)
