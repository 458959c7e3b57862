"""Writes the survivorship rules into ``docs/catalog.md``.

``python -m stash_pipeline.warehouse.catalog.documentation docs``
"""

import sys
from collections import defaultdict
from pathlib import Path

from stash_pipeline.warehouse.catalog.shapes import ORDER, golden_fields
from stash_pipeline.warehouse.catalog.survivorship import CRITERIA, METHODS, VERSION, Rule

BEGIN = "<!-- rules: written by python -m stash_pipeline.warehouse.catalog.documentation docs -->"
END = "<!-- end of rules -->"


def _fields() -> dict[Rule, list[str]]:
    """The fields by rule, in the order of the specification, the rule of most fields first."""
    fields: dict[Rule, dict[str, None]] = defaultdict(dict)
    for entity in reversed(ORDER):
        for field in golden_fields(entity):
            fields[field.rule][field.name] = None
    return {rule: list(names) for rule, names in sorted(fields.items(), key=lambda pair: -len(pair[1]))}


def rules_section() -> str:
    """The rules, methods and criteria as Markdown."""
    lines = [BEGIN, "", f"Version {VERSION}.", "", "| fields | value | because |", "|---|---|---|"]
    for rule, names in _fields().items():
        how = ", ".join(f"`{criterion}`" for criterion in rule.criteria) or f"`{rule.method}`"
        lines.append(f"| {', '.join(names)} | {how} | {rule.why} |")
    lines += ["", "| criterion | comes first |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in CRITERIA.items()]
    lines += ["", "| method | value |", "|---|---|"]
    lines += [f"| `{name}` | {meaning} |" for name, meaning in METHODS.items()]
    return "\n".join([*lines, "", END])


def with_rules(page: str) -> str:
    """A page whose section between the markers is the rules as they are now.

    Raises:
        ValueError: if the page lacks a marker.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError("The page lacks the markers of the rules.")
    return before + rules_section() + after


if __name__ == "__main__":
    path = Path(sys.argv[1]) / "catalog.md"
    path.write_text(with_rules(path.read_text("utf-8")), "utf-8")
