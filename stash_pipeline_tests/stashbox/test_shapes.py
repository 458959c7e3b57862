"""Documents of another shape than a box's are refused, and name the field."""

import re
from typing import Any

import pytest

from stash_pipeline.stashbox.documents import _INSTEAD, _SELECTIONS, LISTED
from stash_pipeline.stashbox.shapes import KINDS, LARGEST, Kind, ShapeError, shaped

RIGHT: dict[Kind, list[Any]] = {
    "text": ["x", "", 7, 1.5],
    "number": [7, 1.5, "170", LARGEST],
    "flag": [True, False],
    "texts": [[], ["x"]],
    "object": [{}, {"id": "x"}],
    "objects": [[], [{}], [{"id": "x"}]],
}
WRONG: dict[Kind, list[Any]] = {
    "text": [{}, {"x": 1}, [], ["x"], True],
    "number": [{}, [], [7], True, 10**30, -(10**30), 1e300, "9" * 21],
    "flag": [{}, [], 0, 1, "false", "true"],
    "texts": [{"x": 1}, "x", 7, True, [7], [["x"]], [{}]],
    "object": [[], [{}], "x", 7, True],
    "objects": [{"x": 1}, "x", 7, True, [7], ["x"], [[{}]]],
}


def test_the_shape_of_every_selected_field_is_known() -> None:
    texts = [text for selections in _SELECTIONS.values() for text in selections.values()]
    selected = {name for text in [*texts, LISTED, *_INSTEAD.values()] for name in re.findall(r"\w+", text)}
    assert selected == set(KINDS)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_value_of_another_type_is_refused(name: str) -> None:
    for value in WRONG[KINDS[name]]:
        for document in ({name: value}, {"studio": {name: value}}, {"performers": [{"performer": {name: value}}]}):
            with pytest.raises(ShapeError, match=f"^{name}$"):
                shaped(document)
    for value in RIGHT[KINDS[name]]:
        kept = shaped({name: value})[name]
        assert kept == (str(value) if KINDS[name] == "text" else value)
    assert shaped({name: None}) == {name: None}


def test_what_nobody_asked_for_is_left_out() -> None:
    assert shaped({"id": "x", "payload": {"deep": [[1]]}, "studio": {"name": "y", "__proto__": 1}}) == {
        "id": "x",
        "studio": {"name": "y"},
    }


def test_nulls_in_lists_are_left_out_and_empty_objects_are_empty_lists() -> None:
    assert shaped({"tags": [None, {"id": "x"}], "aliases": ["a", None], "urls": {}}) == {
        "tags": [{"id": "x"}],
        "aliases": ["a"],
        "urls": [],
    }


def test_a_document_that_is_nested_without_end_is_refused() -> None:
    document: dict[str, Any] = {}
    for _ in range(500):
        document = {"parent": document}
    with pytest.raises(ShapeError, match="parent"):
        shaped(document)
