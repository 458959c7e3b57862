"""What a box lists for favourites, and what of it is missing: asked within the budget, continued, and never believed
blindly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from stash_pipeline.layers import LAYERS
from stash_pipeline.simulator.box.engine import BoxEngine
from stash_pipeline.simulator.box.releases import find_release
from stash_pipeline.stashbox.client import StashBoxClient
from stash_pipeline.stashbox.errors import StashBoxAuthError, StashBoxUnexpectedError
from stash_pipeline.stashbox.models import ScenesPage
from stash_pipeline.stashbox_registry import edit_endpoint, get_endpoint
from stash_pipeline.sync.missing import FEWEST, MOST_SCENES, ListReport, list_missing
from stash_pipeline.warehouse.catalog.layer import CATALOG_LAYER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.stashbox.missing import MISSING_COLUMNS, list_states, missing_scenes
from stash_pipeline_tests.catalog.working import log
from stash_pipeline_tests.stashbox.conftest import on_box
from stash_pipeline_tests.stashbox.working import ReadBox
from stash_pipeline_tests.test_cli import CommandLine

QUERY = "queryScenes"


@dataclass
class Favourites:
    """A box on which local performers and studios are known.

    Attributes:
        ids: of the box, by entity; of one performer and one studio that are favourites.
    """

    box: ReadBox
    ids: dict[str, str] = field(default_factory=dict)

    def set_favourite(self, entity: str, *, favourite: bool = True, place: int = 0) -> tuple[int, int]:
        """Makes the first object of a kind a favourite of its server, and lets all follow."""
        with connect(self.box.servers.database_url) as connection:
            node = connection.execute(
                f"SELECT instance_id, id FROM stash.{entity} ORDER BY 1, 2 OFFSET %s LIMIT 1", [place]
            ).fetchone()
            assert node is not None
            with connection.transaction():
                connection.execute(
                    f"UPDATE stash.{entity} SET favorite = %s WHERE (instance_id, id) = (%s, %s)", [favourite, *node]
                )
                log(connection, entity, [node])
        return node

    def link(self, entity: str, name: str) -> str:
        """A record of the box that is linked to a local favourite, the only one of its kind."""
        singular = entity[:-1]
        with connect(self.box.servers.database_url) as connection:
            connection.execute(f"UPDATE stash.{entity} SET favorite = false")
        node = self.set_favourite(entity)
        key = str(getattr(self.box.box, f"add_{singular}")(name))
        with connect(self.box.servers.database_url) as connection:
            connection.execute(
                f"INSERT INTO stash.{singular}_stash_ids (instance_id, {singular}_id, endpoint, stash_id)\n"
                "VALUES (%s, %s, %s, %s)",
                [*node, self.box.endpoint.url, key],
            )
        self.ids[entity] = key
        return key

    def follow(self) -> None:
        """Lets matches and catalog follow."""
        self.box.servers.follow()
        with connect(self.box.servers.database_url) as connection:
            shared_layers.follow(connection, CATALOG_LAYER, LAYERS, rebuild=True)

    def read(self, *, days: float = 1.0, per_page: int = 100) -> ListReport:
        """Reads what is due, so many days later."""
        box = self.box
        box.now += timedelta(days=days)
        box.simulated.requests.clear()
        with connect(box.servers.database_url) as connection, box.endpoint.client(box.settings) as client:
            return list_missing(
                connection, client, box.endpoint.id, "kitebox", days=30, now=lambda: box.now, per_page=per_page
            )

    def missing(self) -> list[dict[str, Any]]:
        """The rows of the view."""
        with connect(self.box.servers.database_url) as connection:
            return missing_scenes(connection, [self.box.endpoint.id])

    def titles(self) -> set[str]:
        """What is missing."""
        return {row["title"] for row in self.missing()}

    def execute(self, statement: str, *parameters: Any) -> None:
        """Changes the database directly."""
        with connect(self.box.servers.database_url) as connection:
            connection.execute(statement, parameters)


@pytest.fixture
def favourites(box: ReadBox) -> Iterator[Favourites]:
    """A favourite performer with five scenes on the box, and a favourite studio with one of these and another."""
    made = Favourites(box)
    performer, studio = made.link("performers", "Favourite one"), made.link("studios", "Favourite studio")
    for number in range(5):
        of_studio = {"studio": studio} if not number else {}
        box.box.add_scene(f"Scene {number}", date=f"2019-0{number + 1}", performers=[performer], **of_studio)
    box.box.add_scene("Of the studio", studio=studio)
    box.box.add_scene("Of nobody")
    made.execute("UPDATE ops.stashbox_endpoints SET list_missing = true")
    box.read()
    made.follow()
    yield made


def test_the_scenes_of_favourites_that_no_instance_owns_are_missing(favourites: Favourites) -> None:
    report = favourites.read()
    assert (report.due, report.complete, report.scenes) == (2, 2, 7)
    assert favourites.titles() == {*(f"Scene {number}" for number in range(5)), "Of the studio"}
    (both,) = [row for row in favourites.missing() if row["title"] == "Scene 0"]
    assert list(both) == [name for name, _, _ in MISSING_COLUMNS]
    assert both["favourites"] == ["Favourite one", "Favourite studio"]
    assert (both["studio"], both["performers"], both["date_text"]) == ("Favourite studio", ["Favourite one"], "2019-01")
    assert len(favourites.box.simulated.requests.of(QUERY)) == 2
    assert favourites.box.simulated.requests.mutations() == []
    # the newest first
    assert [row["title"] for row in favourites.missing()][:2] == ["Scene 4", "Scene 3"]


def test_lists_are_read_in_rotation(favourites: Favourites) -> None:
    favourites.read()
    assert favourites.read(days=29).due == 0 and favourites.box.simulated.requests.all() == []
    favourites.box.box.add_scene("A new one", performers=[favourites.ids["performers"]])
    assert favourites.read(days=2).complete == 2
    assert "A new one" in favourites.titles()


def test_a_scene_that_an_instance_gets_is_missing_no_more(favourites: Favourites) -> None:
    favourites.read()
    (row,) = [row for row in favourites.missing() if row["title"] == "Scene 2"]
    with connect(favourites.box.servers.database_url) as connection:
        node = connection.execute("SELECT instance_id, id FROM stash.scenes ORDER BY 1, 2 LIMIT 1").fetchone()
        assert node is not None
    # as somebody typed it
    favourites.execute(
        "INSERT INTO stash.scene_stash_ids (instance_id, scene_id, endpoint, stash_id) VALUES (%s, %s, %s, %s)",
        *node, favourites.box.endpoint.url.upper() + "/", row["scene_id"].upper(),
    )  # fmt: skip
    assert "Scene 2" not in favourites.titles() and len(favourites.titles()) == 5
    favourites.execute("UPDATE ops.instances SET removed_at = now() WHERE id = %s", node[0])
    assert "Scene 2" in favourites.titles()


def test_an_instance_that_links_a_merged_id_owns_the_successor(favourites: Favourites) -> None:
    box = favourites.box.box
    performer = favourites.ids["performers"]
    old = box.add_scene("Old entry", performers=[performer])
    new = box.add_scene("New entry", performers=[performer])
    favourites.execute(
        "INSERT INTO stash.scene_stash_ids (instance_id, scene_id, endpoint, stash_id)\n"
        "SELECT instance_id, id, %s, %s FROM stash.scenes ORDER BY 1, 2 LIMIT 1",
        favourites.box.endpoint.url, old,
    )  # fmt: skip
    box.merge("scene", old, new)
    favourites.box.read()
    favourites.read()
    assert not {"Old entry", "New entry"} & favourites.titles()


def test_a_match_owns_a_scene_and_a_doubtful_one_waits_for_a_decision(favourites: Favourites) -> None:
    box = favourites.box
    nodes = list(box.files())[:2]
    scenes = [box.add_scene_of(node) for node in nodes]
    for each in scenes:
        # the local scene has other performers
        box.box.edit_scene(each, performers=[favourites.ids["performers"]])
    box.read(days=8)
    favourites.follow()
    assert [box.actions(node) for node in nodes] == [{each: "review"} for each in scenes]
    favourites.read()
    rows = {row["scene_id"]: row["waits_for_decision"] for row in favourites.missing()}
    assert rows[scenes[0]] is True and rows[scenes[1]] is True and sum(rows.values()) == 2
    box.servers.decide(on_box(nodes[0], scenes[0], url=box.endpoint.url))
    box.servers.follow()
    assert box.actions(nodes[0]) == {scenes[0]: "accepted"}
    favourites.execute("UPDATE matches.stashbox_candidates SET action = 'automatic' WHERE box_scene_id = %s", scenes[1])
    assert not {row["scene_id"] for row in favourites.missing()} & set(scenes)
    assert len(favourites.missing()) == 6


def test_a_favourite_no_more_is_forgotten(favourites: Favourites) -> None:
    favourites.read()
    favourites.set_favourite("performers", favourite=False)
    favourites.follow()
    assert favourites.read().due == 0
    assert favourites.titles() == {"Scene 0", "Of the studio"}


def test_nothing_is_missing_while_it_is_switched_off(favourites: Favourites) -> None:
    favourites.read()
    for enabled, listing in ((True, False), (False, True)):
        with connect(favourites.box.servers.database_url) as connection:
            edit_endpoint(
                connection, "kitebox", home=favourites.box.settings.home, enabled=enabled, list_missing=listing
            )
        assert favourites.titles() == set()


def test_a_reading_continues_with_the_next_page(favourites: Favourites, monkeypatch: pytest.MonkeyPatch) -> None:
    original = StashBoxClient.scenes_of
    asked: list[int] = []

    def until_the_third(self: StashBoxClient, *arguments: Any, **options: Any) -> ScenesPage:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(arguments[2])
        return original(self, *arguments, **options)

    monkeypatch.setattr(StashBoxClient, "scenes_of", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        favourites.read(per_page=2)
    assert asked == [1, 2]
    monkeypatch.setattr(StashBoxClient, "scenes_of", original)
    report = favourites.read(per_page=2)
    assert report.complete == 2 and report.scenes == 3
    assert len(favourites.titles()) == 6


def test_lists_leave_a_part_of_the_day_to_hashes_and_records(favourites: Favourites) -> None:
    favourites.execute("UPDATE ops.stashbox_endpoints SET requests_per_day = 8, requests_used = 4")
    report = favourites.read(per_page=2)
    assert report.stopped and "continue tomorrow" in report.stopped
    with connect(favourites.box.servers.database_url) as connection:
        (used,) = connection.execute("SELECT requests_used FROM ops.stashbox_endpoints").fetchone() or (0,)
    assert used == 6
    favourites.execute("UPDATE ops.stashbox_endpoints SET requests_per_day = NULL")
    favourites.read(per_page=2)
    assert len(favourites.titles()) == 6


def test_a_scene_is_removed_after_two_lists_without_it(favourites: Favourites) -> None:
    favourites.read()
    (row,) = [row for row in favourites.missing() if row["title"] == "Scene 3"]
    favourites.box.box.destroy("scene", row["scene_id"])
    favourites.read(days=31)
    assert "Scene 3" in favourites.titles()
    favourites.read(days=31)
    assert "Scene 3" not in favourites.titles() and len(favourites.titles()) == 5


def test_a_box_without_the_query_is_skipped_and_said(favourites: Favourites) -> None:
    favourites.box.simulated.release = find_release("tpdb")
    favourites.box.simulated.engine = BoxEngine(favourites.box.simulated.release)
    favourites.execute("UPDATE ops.stashbox_endpoints SET dialect = 'theporndb'")
    with connect(favourites.box.servers.database_url) as connection:
        favourites.box.endpoint = get_endpoint(connection, "kitebox")
    report = favourites.read()
    assert report.stopped and "no query queryScenes" in report.stopped
    assert report.complete == 0 and favourites.titles() == set()


@pytest.mark.parametrize("release", ["v0.6.17", "v0.7.9", "v0.8"])
def test_every_release_lists_scenes(favourites: Favourites, release: str) -> None:
    favourites.box.simulated.release = find_release(release)
    favourites.box.simulated.engine = BoxEngine(favourites.box.simulated.release)
    favourites.read()
    assert len(favourites.titles()) == 6


# --- lies ---------------------------------------------------------------------------------------------------

Answer = Callable[[str, str, int], ScenesPage]


def scene(key: int, entity: str, owner: str, **more: Any) -> dict[str, Any]:
    """A scene of a list."""
    identifier = f"{key:08x}-0000-4000-8000-000000000000"
    of = {"studio": {"id": owner}} if entity == "studios" else {"performers": [{"performer": {"id": owner}}]}
    return {"id": identifier, "title": f"Made {key}", "deleted": False, **of, **more}


LIES: dict[str, Answer] = {
    "the filter is ignored": lambda entity, owner, page: ScenesPage([scene(1, entity, "ab")], 1, False),
    "every page is the first": lambda entity, owner, page: ScenesPage(
        [scene(number, entity, owner) for number in range(2)], 1_000 if page == 1 else None, True
    ),
    "more are counted than there can be": lambda entity, owner, page: ScenesPage(
        [scene(1, entity, owner)], MOST_SCENES + 1, False
    ),
    "fewer than none are counted": lambda entity, owner, page: ScenesPage([scene(1, entity, owner)], -1, False),
}  # fmt: skip


def lying(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    def scenes_of(
        self: StashBoxClient, entity: str, identifier: str, page: int = 1, *, per_page: int = 100
    ) -> ScenesPage:
        return answer(entity, identifier, page)

    monkeypatch.setattr(StashBoxClient, "scenes_of", scenes_of)


@pytest.mark.parametrize("name", LIES)
def test_what_cannot_be_is_not_believed(favourites: Favourites, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    favourites.read()
    before = favourites.titles()
    with monkeypatch.context() as patched:
        lying(patched, LIES[name])
        report = favourites.read(days=31)
    assert report.complete == 0 and set(report.failures) == set(favourites.ids.values())
    assert all(sentence.startswith("kitebox ") and sentence.endswith(".") for sentence in report.failures.values())
    made = {title for title in favourites.titles() if title.startswith("Made")}
    # the first page of such a list looks like one
    assert favourites.titles() - made == before and (not made or name == "every page is the first")
    with connect(favourites.box.servers.database_url) as connection:
        state = list_states(connection, [favourites.box.endpoint.id])[favourites.box.endpoint.id]
    assert state.failed == 2 and state.error
    # at once again only after a day
    assert favourites.read(days=0.5).due == 0
    assert favourites.read(days=0.6).complete == 2
    favourites.read(days=31)
    assert favourites.titles() == before


def test_a_list_that_never_ends_ends(favourites: Favourites, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[int] = []

    def endless(entity: str, owner: str, page: int) -> ScenesPage:
        pages.append(page)
        return ScenesPage([scene(1_000 * page + n, entity, owner) for n in range(2)], 4 if page == 1 else None, True)

    lying(monkeypatch, endless)
    favourites.read(per_page=2)
    assert max(pages) == 4


def test_wrong_types_and_texts_that_postgres_cannot_hold_are_left_out(
    favourites: Favourites, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"title": {"a": 1}, "duration": True, "code": ["x"], "release_date": 7}

    def answer(entity: str, owner: str, page: int) -> ScenesPage:
        cast: list[Any] = [None, "x", {"performer": None}, {"performer": {"id": owner, "name": 'a "b" \\ {c},'}}]
        made = scene(1, entity, owner, **odd)
        return ScenesPage([made | ({"performers": cast} if entity == "performers" else {"performers": "x"})], 1, False)

    lying(monkeypatch, answer)
    favourites.read()
    (row,) = favourites.missing()
    assert [row[name] for name in ("title", "duration", "code", "date_text")] == [None] * 4
    assert row["performers"] in (['a "b" \\ {c},'], [])


def test_a_box_that_fails_at_every_list_is_an_error(favourites: Favourites, monkeypatch: pytest.MonkeyPatch) -> None:
    favourites.execute(
        "INSERT INTO stash.studio_stash_ids (instance_id, studio_id, endpoint, stash_id)\n"
        "SELECT instance_id, id, %s, 'ab' || id FROM stash.studios WHERE NOT favorite",
        favourites.box.endpoint.url,
    )
    favourites.execute("UPDATE stash.studios SET favorite = true")
    favourites.execute(
        "INSERT INTO stashbox.studios (endpoint_id, id, name, status, document, fetched_at, changed_at)\n"
        "SELECT %s, 'ab' || id, name, 'active', '{}', now() + interval '1 year', now() FROM stash.studios\n"
        "ON CONFLICT DO NOTHING",
        favourites.box.endpoint.id,
    )
    favourites.follow()
    lying(monkeypatch, LIES["the filter is ignored"])
    with pytest.raises(StashBoxUnexpectedError, match="scenes of others"):
        favourites.read()
    with connect(favourites.box.servers.database_url) as connection:
        (failed,) = connection.execute("SELECT count(error) FROM stashbox.listings").fetchone() or (0,)
    assert failed == FEWEST


def test_a_refused_key_keeps_the_lists(favourites: Favourites) -> None:
    favourites.read()
    before = favourites.missing()
    favourites.box.simulated.api_key = "another key"
    with pytest.raises(StashBoxAuthError):
        favourites.read(days=31)
    assert favourites.missing() == before


@pytest.mark.processes
def test_a_run_lists_what_is_missing_after_everything_else(favourites: Favourites) -> None:
    box = favourites.box
    command_line = CommandLine(box.settings.home, box.servers.database_url)
    # what was not read before comes first
    outcome = command_line.json("boxes", "sync", "kitebox", "--everything")["boxes"][0]
    assert outcome["success"], outcome
    assert outcome["tables"]["missing"]["due"] == 2
    asked = [name for request in box.simulated.requests.all() for name in request.operations]
    assert QUERY in asked and "findPerformer" not in asked[asked.index(QUERY) :]
    assert len(command_line.json("boxes", "missing", "kitebox")) == 6
