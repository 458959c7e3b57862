"""The page about the catalog has the rules as they are, and its queries run."""

import re
from pathlib import Path

import pytest

from stash_pipeline.warehouse.catalog.documentation import with_rules
from stash_pipeline.warehouse.connect import connect

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text("utf-8")


def test_the_page_has_the_rules_as_they_are() -> None:
    assert with_rules(PAGE) == PAGE, "run python -m stash_pipeline.warehouse.catalog.documentation docs"


@pytest.mark.parametrize("query", re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL))
def test_the_queries_of_the_page_run(database_url: str, query: str) -> None:
    with connect(database_url) as connection:
        assert connection.execute(query).fetchall() == []
