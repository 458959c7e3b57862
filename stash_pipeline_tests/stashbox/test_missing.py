"""What a box lists for favorites, and what of it is missing: asked within the budget, continued, and never believed
blindly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

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
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.matches.conftest import Matched
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import Mirror, no_waiting, settings_for, stop_looking
from stash_pipeline_tests.stashbox.conftest import do_not_wait, on_box
from stash_pipeline_tests.stashbox.working import ReadBox, new_box
from stash_pipeline_tests.test_cli import CommandLine

QUERY = "queryScenes"


@dataclass
class Favorites:
    """A box on which local performers and studios are known.

    Attributes:
        ids: of the box, by entity; of one performer and one studio that are favorites.
    """

    box: ReadBox
    ids: dict[str, str] = field(default_factory=dict)

    def set_favorite(self, entity: str, *, favorite: bool = True, place: int = 0) -> tuple[int, int]:
        """Makes the first object of a kind a favorite of its server, and lets all follow."""
        with connect(self.box.servers.database_url) as connection:
            node = connection.execute(
                f"SELECT instance_id, id FROM stash.{entity} ORDER BY 1, 2 OFFSET %s LIMIT 1", [place]
            ).fetchone()
            assert node is not None
            with connection.transaction():
                connection.execute(
                    f"UPDATE stash.{entity} SET favorite = %s WHERE (instance_id, id) = (%s, %s)", [favorite, *node]
                )
                log(connection, entity, [node])
        return node

    def link(self, entity: str, name: str) -> str:
        """A record of the box that is linked to a local favorite, the only one of its kind."""
        singular = entity[:-1]
        with connect(self.box.servers.database_url) as connection:
            connection.execute(f"UPDATE stash.{entity} SET favorite = false")
        node = self.set_favorite(entity)
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


_copies = count()


@pytest.fixture(scope="module")
def prepared(matched: Matched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Favorites]:
    """A favorite performer with five scenes on the box, and a favorite studio with one of these and another."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    with (
        pytest.MonkeyPatch.context() as patched,
        no_waiting(),
        matched(home) as servers,
        new_box(servers, servers.home.settings) as box,
    ):
        do_not_wait(patched)
        made = Favorites(box)
        performer, studio = made.link("performers", "Favorite one"), made.link("studios", "Favorite studio")
        for number in range(5):
            of_studio = {"studio": studio} if not number else {}
            box.box.add_scene(f"Scene {number}", date=f"2019-0{number + 1}", performers=[performer], **of_studio)
        box.box.add_scene("Of the studio", studio=studio)
        box.box.add_scene("Of nobody")
        made.execute("UPDATE ops.stashbox_endpoints SET list_missing = true")
        box.read()
        made.follow()
        stop_looking()
        yield made


@pytest.fixture
def favorites(prepared: Favorites, postgres: str, unhurried: None) -> Iterator[Favorites]:
    """The same with a database and a content of the box of the test's own; the box itself keeps its address."""
    original = prepared.box
    name = f"favorites_{next(_copies)}"
    url = create_database(postgres, name, urlsplit(original.servers.database_url).path.strip("/"))
    settings = settings_for(original.settings.home, url)
    mirrors = (original.servers.home, original.servers.away)
    servers = Servers(*(Mirror(url, one.instance, one.stash, settings) for one in mirrors))
    simulated, content = original.simulated, original.box
    simulated.box = content.copied()
    box = ReadBox(servers, simulated, original.endpoint, settings, original.now)
    kept = simulated.release, simulated.engine, simulated.api_key
    yield Favorites(box, dict(prepared.ids))
    simulated.release, simulated.engine, simulated.api_key = kept
    simulated.box = content
    stop_looking()
    drop_database(postgres, name)


def test_the_scenes_of_favorites_that_no_instance_owns_are_missing(favorites: Favorites) -> None:
    report = favorites.read()
    assert (report.due, report.complete, report.scenes) == (2, 2, 7)
    assert favorites.titles() == {*(f"Scene {number}" for number in range(5)), "Of the studio"}
    (both,) = [row for row in favorites.missing() if row["title"] == "Scene 0"]
    assert list(both) == [name for name, _, _ in MISSING_COLUMNS]
    assert both["favorites"] == ["Favorite one", "Favorite studio"]
    assert (both["studio"], both["performers"], both["date_text"]) == ("Favorite studio", ["Favorite one"], "2019-01")
    assert len(favorites.box.simulated.requests.of(QUERY)) == 2
    assert favorites.box.simulated.requests.mutations() == []
    # the newest first
    assert [row["title"] for row in favorites.missing()][:2] == ["Scene 4", "Scene 3"]


def test_lists_are_read_in_rotation(favorites: Favorites) -> None:
    favorites.read()
    assert favorites.read(days=29).due == 0 and favorites.box.simulated.requests.all() == []
    favorites.box.box.add_scene("A new one", performers=[favorites.ids["performers"]])
    assert favorites.read(days=2).complete == 2
    assert "A new one" in favorites.titles()


def test_a_scene_that_an_instance_gets_is_missing_no_more(favorites: Favorites) -> None:
    favorites.read()
    (row,) = [row for row in favorites.missing() if row["title"] == "Scene 2"]
    with connect(favorites.box.servers.database_url) as connection:
        node = connection.execute("SELECT instance_id, id FROM stash.scenes ORDER BY 1, 2 LIMIT 1").fetchone()
        assert node is not None
    # as somebody typed it
    favorites.execute(
        "INSERT INTO stash.scene_stash_ids (instance_id, scene_id, endpoint, stash_id) VALUES (%s, %s, %s, %s)",
        *node, favorites.box.endpoint.url.upper() + "/", row["scene_id"].upper(),
    )  # fmt: skip
    assert "Scene 2" not in favorites.titles() and len(favorites.titles()) == 5
    favorites.execute("UPDATE ops.instances SET removed_at = now() WHERE id = %s", node[0])
    assert "Scene 2" in favorites.titles()


def test_an_instance_that_links_a_merged_id_owns_the_successor(favorites: Favorites) -> None:
    box = favorites.box.box
    performer = favorites.ids["performers"]
    old = box.add_scene("Old entry", performers=[performer])
    new = box.add_scene("New entry", performers=[performer])
    favorites.execute(
        "INSERT INTO stash.scene_stash_ids (instance_id, scene_id, endpoint, stash_id)\n"
        "SELECT instance_id, id, %s, %s FROM stash.scenes ORDER BY 1, 2 LIMIT 1",
        favorites.box.endpoint.url, old,
    )  # fmt: skip
    box.merge("scene", old, new)
    favorites.box.read()
    favorites.read()
    assert not {"Old entry", "New entry"} & favorites.titles()


def test_a_match_owns_a_scene_and_a_doubtful_one_waits_for_a_decision(favorites: Favorites) -> None:
    box = favorites.box
    nodes = list(box.files())[:2]
    scenes = [box.add_scene_of(node) for node in nodes]
    for each in scenes:
        # the local scene has other performers
        box.box.edit_scene(each, performers=[favorites.ids["performers"]])
    box.read(days=8)
    favorites.follow()
    assert [box.actions(node) for node in nodes] == [{each: "review"} for each in scenes]
    favorites.read()
    rows = {row["scene_id"]: row["waits_for_decision"] for row in favorites.missing()}
    assert rows[scenes[0]] is True and rows[scenes[1]] is True and sum(rows.values()) == 2
    box.servers.decide(on_box(nodes[0], scenes[0], url=box.endpoint.url))
    box.servers.follow()
    assert box.actions(nodes[0]) == {scenes[0]: "accepted"}
    favorites.execute("UPDATE matches.stashbox_candidates SET action = 'automatic' WHERE box_scene_id = %s", scenes[1])
    assert not {row["scene_id"] for row in favorites.missing()} & set(scenes)
    assert len(favorites.missing()) == 6


def test_a_favorite_no_more_is_forgotten(favorites: Favorites) -> None:
    favorites.read()
    favorites.set_favorite("performers", favorite=False)
    favorites.follow()
    assert favorites.read().due == 0
    assert favorites.titles() == {"Scene 0", "Of the studio"}


def test_nothing_is_missing_while_it_is_switched_off(favorites: Favorites) -> None:
    favorites.read()
    for enabled, listing in ((True, False), (False, True)):
        with connect(favorites.box.servers.database_url) as connection:
            edit_endpoint(
                connection, "kitebox", home=favorites.box.settings.home, enabled=enabled, list_missing=listing
            )
        assert favorites.titles() == set()


def test_a_reading_continues_with_the_next_page(favorites: Favorites, monkeypatch: pytest.MonkeyPatch) -> None:
    original = StashBoxClient.scenes_of
    asked: list[int] = []

    def until_the_third(self: StashBoxClient, *arguments: Any, **options: Any) -> ScenesPage:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(arguments[2])
        return original(self, *arguments, **options)

    monkeypatch.setattr(StashBoxClient, "scenes_of", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        favorites.read(per_page=2)
    assert asked == [1, 2]
    monkeypatch.setattr(StashBoxClient, "scenes_of", original)
    report = favorites.read(per_page=2)
    assert report.complete == 2 and report.scenes == 3
    assert len(favorites.titles()) == 6


def test_lists_leave_a_part_of_the_day_to_hashes_and_records(favorites: Favorites) -> None:
    favorites.execute("UPDATE ops.stashbox_endpoints SET requests_per_day = 8, requests_used = 4")
    report = favorites.read(per_page=2)
    assert report.stopped and "continue tomorrow" in report.stopped
    with connect(favorites.box.servers.database_url) as connection:
        (used,) = connection.execute("SELECT requests_used FROM ops.stashbox_endpoints").fetchone() or (0,)
    assert used == 6
    favorites.execute("UPDATE ops.stashbox_endpoints SET requests_per_day = NULL")
    favorites.read(per_page=2)
    assert len(favorites.titles()) == 6


def test_a_scene_is_removed_after_two_lists_without_it(favorites: Favorites) -> None:
    favorites.read()
    (row,) = [row for row in favorites.missing() if row["title"] == "Scene 3"]
    favorites.box.box.destroy("scene", row["scene_id"])
    favorites.read(days=31)
    assert "Scene 3" in favorites.titles()
    favorites.read(days=31)
    assert "Scene 3" not in favorites.titles() and len(favorites.titles()) == 5


def test_a_box_without_the_query_is_skipped_and_said(favorites: Favorites) -> None:
    favorites.box.simulated.release = find_release("tpdb")
    favorites.box.simulated.engine = BoxEngine(favorites.box.simulated.release)
    favorites.execute("UPDATE ops.stashbox_endpoints SET dialect = 'theporndb'")
    with connect(favorites.box.servers.database_url) as connection:
        favorites.box.endpoint = get_endpoint(connection, "kitebox")
    report = favorites.read()
    assert report.stopped and "no query queryScenes" in report.stopped
    assert report.complete == 0 and favorites.titles() == set()


@pytest.mark.parametrize("release", ["v0.6.17", "v0.7.9", "v0.8"])
def test_every_release_lists_scenes(favorites: Favorites, release: str) -> None:
    favorites.box.simulated.release = find_release(release)
    favorites.box.simulated.engine = BoxEngine(favorites.box.simulated.release)
    favorites.read()
    assert len(favorites.titles()) == 6


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
def test_what_cannot_be_is_not_believed(favorites: Favorites, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    favorites.read()
    before = favorites.titles()
    with monkeypatch.context() as patched:
        lying(patched, LIES[name])
        report = favorites.read(days=31)
    assert report.complete == 0 and set(report.failures) == set(favorites.ids.values())
    assert all(sentence.startswith("kitebox ") and sentence.endswith(".") for sentence in report.failures.values())
    made = {title for title in favorites.titles() if title.startswith("Made")}
    # the first page of such a list looks like one
    assert favorites.titles() - made == before and (not made or name == "every page is the first")
    with connect(favorites.box.servers.database_url) as connection:
        state = list_states(connection, [favorites.box.endpoint.id])[favorites.box.endpoint.id]
    assert state.failed == 2 and state.error
    # at once again only after a day
    assert favorites.read(days=0.5).due == 0
    assert favorites.read(days=0.6).complete == 2
    favorites.read(days=31)
    assert favorites.titles() == before


def test_a_list_that_never_ends_ends(favorites: Favorites, monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[int] = []

    def endless(entity: str, owner: str, page: int) -> ScenesPage:
        pages.append(page)
        return ScenesPage([scene(1_000 * page + n, entity, owner) for n in range(2)], 4 if page == 1 else None, True)

    lying(monkeypatch, endless)
    favorites.read(per_page=2)
    assert max(pages) == 4


def test_wrong_types_and_texts_that_postgres_cannot_hold_are_left_out(
    favorites: Favorites, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {"title": {"a": 1}, "duration": True, "code": ["x"], "release_date": 7}

    def answer(entity: str, owner: str, page: int) -> ScenesPage:
        cast: list[Any] = [None, "x", {"performer": None}, {"performer": {"id": owner, "name": 'a "b" \\ {c},'}}]
        made = scene(1, entity, owner, **odd)
        return ScenesPage([made | ({"performers": cast} if entity == "performers" else {"performers": "x"})], 1, False)

    lying(monkeypatch, answer)
    favorites.read()
    (row,) = favorites.missing()
    assert [row[name] for name in ("title", "duration", "code", "date_text")] == [None] * 4
    assert row["performers"] in (['a "b" \\ {c},'], [])


def test_a_box_that_fails_at_every_list_is_an_error(favorites: Favorites, monkeypatch: pytest.MonkeyPatch) -> None:
    favorites.execute(
        "INSERT INTO stash.studio_stash_ids (instance_id, studio_id, endpoint, stash_id)\n"
        "SELECT instance_id, id, %s, 'ab' || id FROM stash.studios WHERE NOT favorite",
        favorites.box.endpoint.url,
    )
    favorites.execute("UPDATE stash.studios SET favorite = true")
    favorites.execute(
        "INSERT INTO stashbox.studios (endpoint_id, id, name, status, document, fetched_at, changed_at)\n"
        "SELECT %s, 'ab' || id, name, 'active', '{}', now() + interval '1 year', now() FROM stash.studios\n"
        "ON CONFLICT DO NOTHING",
        favorites.box.endpoint.id,
    )
    favorites.follow()
    lying(monkeypatch, LIES["the filter is ignored"])
    with pytest.raises(StashBoxUnexpectedError, match="scenes of others"):
        favorites.read()
    with connect(favorites.box.servers.database_url) as connection:
        (failed,) = connection.execute("SELECT count(error) FROM stashbox.listings").fetchone() or (0,)
    assert failed == FEWEST


def test_a_refused_key_keeps_the_lists(favorites: Favorites) -> None:
    favorites.read()
    before = favorites.missing()
    favorites.box.simulated.api_key = "another key"
    with pytest.raises(StashBoxAuthError):
        favorites.read(days=31)
    assert favorites.missing() == before


@pytest.mark.processes
def test_a_run_lists_what_is_missing_after_everything_else(favorites: Favorites) -> None:
    box = favorites.box
    command_line = CommandLine(box.settings.home, box.servers.database_url)
    # what was not read before comes first
    outcome = command_line.json("boxes", "sync", "kitebox", "--everything")["boxes"][0]
    assert outcome["success"], outcome
    assert outcome["tables"]["missing"]["due"] == 2
    asked = [name for request in box.simulated.requests.all() for name in request.operations]
    assert QUERY in asked and "findPerformer" not in asked[asked.index(QUERY) :]
    assert len(command_line.json("boxes", "missing", "kitebox")) == 6
