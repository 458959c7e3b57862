"""The page about matching shows the rules as they are."""

from pathlib import Path

import stash_pipeline
from stash_pipeline.matching.documentation import with_rules

PAGE = Path(stash_pipeline.__file__).parents[1] / "docs" / "matching.md"


def test_matching_md_is_up_to_date() -> None:
    page = PAGE.read_text("utf-8")
    assert page == with_rules(page)
