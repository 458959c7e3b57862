"""``raw.history``: previous versions of changed and removed documents, and the command that shows them."""

import json
from typing import Any

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.removal import remove_instance
from stash_pipeline.warehouse.raw.history import described, differences, timeline
from stash_pipeline_tests.mirror.working import MakeMirror, Mirror, partitions, run_command


@pytest.fixture
def server(mirrored: MakeMirror) -> Mirror:
    made = mirrored(30)
    return made


def events(server: Mirror, kind: str, identifier: int) -> list[dict[str, Any]]:
    with connect(server.database_url) as connection:
        return timeline(connection, server.instance.id, kind, identifier)


def kept(server: Mirror) -> int:
    return int(server.scalar("SELECT count(*) FROM raw.history WHERE instance_id = %s", [server.instance.id]))


def test_a_first_and_an_unchanged_sync_add_no_history(server: Mirror) -> None:
    assert kept(server) == 0
    server.refresh()
    assert kept(server) == 0
    (only,) = events(server, "scenes", 3)
    assert only["change"] == "present" and only["at"] is not None


def test_a_change_keeps_the_previous_document_and_counts_its_fields(server: Mirror) -> None:
    before = server.scalar("SELECT document FROM raw.scenes WHERE instance_id = %s AND id = 3", [server.instance.id])
    server.sql(
        "UPDATE scenes SET title = 'One', rating = 20 WHERE id = 3", "UPDATE scenes SET title = 'x' WHERE id = 4"
    )
    read, _ = server.refresh()
    assert read.changes["scenes"].fields == {"title": 2, "rating100": 1}
    assert kept(server) == 2
    server.sql("UPDATE scenes SET title = 'Two' WHERE id = 3")
    again, _ = server.refresh()
    first, second, now = events(server, "scenes", 3)
    assert (first["change"], first["run_id"], first["revision"] < second["revision"]) == ("changed", read.run_id, True)
    assert first["fields"] == [("rating100", before.get("rating100"), 20), ("title", before["title"], "One")]
    assert second["fields"] == [("title", "One", "Two")] and second["run_id"] == again.run_id
    assert now["change"] == "present"


def test_history_records_a_removal_and_a_return(server: Mirror) -> None:
    row = server.stash.library.tuples("SELECT name FROM tags WHERE id = 5")
    server.sql(
        "DELETE FROM tags_relations WHERE parent_id = 5 OR child_id = 5", "DELETE FROM tag_aliases WHERE tag_id = 5"
    )
    saved = server.stash.library.tuples("SELECT * FROM tags WHERE id = 5")[0]
    for table in ("scenes_tags", "performers_tags", "images_tags", "galleries_tags", "scene_markers_tags",
                  "studios_tags", "groups_tags"):  # fmt: skip
        server.sql(f"DELETE FROM {table} WHERE tag_id = 5")
    server.sql("UPDATE scene_markers SET primary_tag_id = 1 WHERE primary_tag_id = 5", "DELETE FROM tags WHERE id = 5")
    server.refresh()
    removed, absent = events(server, "tags", 5)[-2:]
    assert (removed["change"], absent["change"], removed["fields"]) == ("removed", "absent", [])
    marks = ", ".join("?" * len(saved))
    server.stash.library.execute(f"INSERT INTO tags VALUES ({marks})", saved)
    server.sql("UPDATE tags SET name = 'Another name' WHERE id = 5")
    server.refresh()
    *_, removed, returned, now = events(server, "tags", 5)
    assert [removed["change"], returned["change"], now["change"]] == ["removed", "returned", "present"]
    assert ("name", row[0][0], "Another name") in returned["fields"]
    assert not server.differences()


def test_history_is_removed_with_its_instance(server: Mirror) -> None:
    server.sql("UPDATE scenes SET title = 'One'")
    server.refresh()
    assert kept(server) == 30
    with connect(server.database_url) as connection:
        remove_instance(connection, server.instance.id)
        assert partitions(connection, server.instance.id) == []


def run(server: Mirror, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    return run_command(server, monkeypatch, "history", *arguments)


def test_the_history_command_shows_changes_by_field(
    server: Mirror, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = server.instance.name
    server.sql("INSERT OR IGNORE INTO scenes_tags VALUES (3, 1)")
    server.refresh()
    server.sql("UPDATE scenes SET title = 'Now [so]' WHERE id = 3", "DELETE FROM scenes_tags WHERE scene_id = 3")
    server.refresh()
    assert run(server, monkeypatch, "scenes", "3", name) == 0
    out = capsys.readouterr().out
    assert f"{name}, scenes 3" in out and "→ Now [so]" in out and "tags: removed [" in out
    assert run(server, monkeypatch, "scenes", "3", name, "--json") == 0
    told = json.loads(capsys.readouterr().out)[name]
    assert [event["change"] for event in told][-2:] == ["changed", "present"]
    for arguments, sentence in (
        (("films", "3"), "There is no entity 'films'"),
        (("scenes", "999999", name), "No object 999999 was ever stored among the scenes"),
        (("scenes", "3", "nowhere"), "There is no instance 'nowhere'"),
    ):
        assert run(server, monkeypatch, *arguments) == 1
        said = capsys.readouterr().err
        assert sentence in said and len(said.strip().splitlines()) == 1


def test_changes_are_described_in_words() -> None:
    assert described("title", None, "x") == "title: nothing → x"
    assert described("tags", [1, 2], [2, 3]) == "tags: added [3], removed [1]"
    assert described("tags", None, [3]) == "tags: added [3]"
    # integers of any length come back from JSONB
    assert (
        described("custom_fields", None, {"far": 15 * 10**19})
        == 'custom_fields: nothing → {"far":150000000000000000000}'
    )
    assert described("files", [1, 2], [2, 1]) == "files: reordered"
    assert described("rating100", 20, None) == "rating100: 20 → nothing"
    assert described("details", "a" * 200, "b").startswith("details: aaa") and "…" in described("x", "a" * 200, "b")
    assert differences({"a": 1, "b": 2}, {"b": 3, "c": 4}) == [("a", 1, None), ("b", 2, 3), ("c", None, 4)]
