"""The keeper rules as a table of ``docs/matching.md``, which :mod:`stash_pipeline.matching.documentation` writes."""

from typing import Final

from stash_pipeline.matching.keeper_rules import RULES, VERSION

BEGIN: Final = "<!-- keeper rules: written by python -m stash_pipeline.matching.documentation docs -->"
END: Final = "<!-- end of keeper rules -->"
_ENTITIES: Final = ("scenes", "files", "performers", "studios", "tags")


def keeper_section() -> str:
    """The rules as Markdown, in the order in which they apply."""
    lines = [BEGIN, "", f"Version {VERSION}.", "", "| | rule | of | wins | because |", "|---|---|---|---|---|"]
    for number, rule in enumerate(RULES, 1):
        wins = "the greater value" if rule.wins == "greater" else "the smaller value"
        limits = [f"by more than {100 * rule.tolerance:.0f} %"] if rule.tolerance else []
        limits += [f"of one {rule.alike}"] if rule.alike else []
        of = "all" if set(_ENTITIES) <= set(rule.entities) else ", ".join(rule.entities)
        name = rule.name.replace("_", " ")
        lines.append(f"| {number} | `{name}` | {of} | {', '.join((wins, *limits))} | {rule.why} |")
    return "\n".join([*lines, "", END])
