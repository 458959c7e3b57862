"""Links are stored as they were made, whatever texts their evidence has."""

import orjson
import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches.linking import Link, all_links, write_links


@pytest.mark.parametrize("text", ['a\\b "c"', "a\tb\nc\r\v\b\f", "\\.", "\\N", "ünï 漢字 😀", "\x01\x1f\x7f", "%s {0}"])
def test_the_evidence_of_a_link_is_read_back_as_it_was_written(warehouse: str, text: str) -> None:
    evidence = orjson.dumps({"agrees": {"title": text, text: [text]}})
    links = {
        ((1, 1), (2, 2)): Link("merge", 0.9995, "scenes:phash_exact", evidence),
        ((1, 2), (2, 1)): Link("propose", 1.0, "scenes:title", evidence),
    }
    with connect(warehouse) as connection, connection.transaction(force_rollback=True):
        write_links(connection, "scenes", links)
        read = all_links(connection, "scenes")
    assert read.keys() == links.keys()
    for pair, link in read.items():
        assert (link.action, link.confidence, link.rule) == (
            links[pair].action,
            links[pair].confidence,
            links[pair].rule,
        )
        assert orjson.loads(link.evidence) == orjson.loads(evidence)
