"""docs/stash-box.md says what is true."""

import re
from pathlib import Path

from stash_pipeline.assets.stashbox import CHECKS
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.stashbox.working import ReadBox

PAGE = (Path(__file__).parents[2] / "docs/stash-box.md").read_text("utf-8")


def test_the_page_lists_the_checks() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## Checks")[2], re.M)) == {spec.name for spec in CHECKS}


def test_the_queries_of_the_page_answer_what_they_say(box: ReadBox) -> None:
    unlinked, merged = re.findall(r"```sql\n(.*?)```", PAGE, re.S)
    node = next(iter(box.files()))
    scene = box.add_scene_of(node)
    old, new = box.box.add_performer("One"), box.box.add_performer("Two")
    with connect(box.servers.database_url) as connection:
        (performer,) = connection.execute("SELECT instance_id, id FROM stash.performers LIMIT 1").fetchall()
        connection.execute(
            "INSERT INTO stash.performer_stash_ids (instance_id, performer_id, endpoint, stash_id)\n"
            "VALUES (%s, %s, %s, %s)",
            [*performer, box.endpoint.url, old],
        )
        box.box.merge("performer", old, new)
        box.read()
        box.servers.follow()
        rows = connection.execute(unlinked).fetchall()
        title = f"Box scene of {node[0]}:{node[1]}"
        assert (box.servers.home.instance.name, node[1], title) in {row[:3] for row in rows} and {
            row[2] for row in rows
        } == {title}
        assert scene in box.actions(node)
        assert [row[1:] for row in connection.execute(merged).fetchall()] == [(performer[1], old, new)]
