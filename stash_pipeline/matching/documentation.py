"""Writes the tables of rules into ``docs/matching.md``: ``python -m stash_pipeline.matching.documentation docs``."""

import sys
from pathlib import Path

from stash_pipeline.matching import keeper_documentation, stashbox_documentation
from stash_pipeline.matching.rule_table import AGREEMENTS, CONTRADICTIONS, PARAMETERS, RULES, VERSION

BEGIN = "<!-- rules: written by python -m stash_pipeline.matching.documentation docs -->"
END = "<!-- end of rules -->"


def rules_section() -> str:
    """The rules, contradictions and limits as Markdown."""
    lines = [BEGIN, "", f"Version {VERSION}."]
    for entity in AGREEMENTS:
        lines += [
            "",
            f"### {entity.capitalize()}",
            "",
            "| if these agree | they | right | because |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {' and '.join(f'`{name}`' for name in sorted(rule.requires))} | {_EFFECTS[rule.effect]} "
            f"| {_share(rule.confidence)} ({rule.source}) | {rule.why} |"
            for rule in RULES
            if rule.kind == entity
        ]
        contradictions = [contradiction for contradiction in CONTRADICTIONS if contradiction.kind == entity]
        if contradictions:
            lines += ["", "| if this contradicts | it | because |", "|---|---|---|"]
            lines += [
                f"| `{contradiction.name}` | {_CONTRADICTIONS[contradiction.effect]} | {contradiction.why} |"
                for contradiction in contradictions
            ]
    lines += ["", "### Limits", "", "| agreement | limits |", "|---|---|"]
    lines += [
        f"| `{name}` | {', '.join(f'{limit} {value:,}' for limit, value in limits.items())} |".replace("_", " ")
        for name, limits in PARAMETERS.items()
    ]
    return "\n".join([*lines, "", END])


_EFFECTS = {
    "merge": "are linked",
    "merge_if_uncontradicted": "are linked, unless something contradicts",
    "merge_with_another": "are linked, if something else agrees",
    "propose": "are proposed to a person",
    "corroborate": "support another agreement",
}
_CONTRADICTIONS = {"forbid": "forbids a link", "warn": "asks for one more agreement", "ignore": "means nothing"}


def _share(confidence: float) -> str:
    return f"{100 * confidence:.4g} %"


def with_rules(page: str) -> str:
    """A page whose sections between the markers are the rules as they are now.

    Raises:
        ValueError: if the page lacks a marker.
    """
    page = _with_section(page, BEGIN, END, rules_section())
    keeper, box = keeper_documentation, stashbox_documentation
    page = _with_section(page, keeper.BEGIN, keeper.END, keeper.keeper_section())
    return _with_section(page, box.BEGIN, box.END, box.stashbox_section())


def _with_section(page: str, begin: str, end: str, section: str) -> str:
    before, _, rest = page.partition(begin)
    _, marker, after = rest.partition(end)
    if not marker:
        raise ValueError("The page lacks the markers of the rules.")
    return before + section + after


if __name__ == "__main__":
    path = Path(sys.argv[1]) / "matching.md"
    path.write_text(with_rules(path.read_text("utf-8")), "utf-8")
