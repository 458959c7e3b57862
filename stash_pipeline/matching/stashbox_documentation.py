"""The rules for stash-boxes as tables of ``docs/matching.md``, which ``documentation.py`` of this package writes."""

from typing import Final

from stash_pipeline.matching.stashbox_rules import EVIDENCE, OBSTACLES, PARAMETERS, RULES, VERSION

BEGIN: Final = "<!-- stash-box rules: written by python -m stash_pipeline.matching.documentation docs -->"
END: Final = "<!-- end of stash-box rules -->"

_ACTIONS: Final = {"automatic": "is matched", "review": "waits for a person", "reject": "is not matched"}


def stashbox_section() -> str:
    """The rules in the order in which they apply, what can agree, and what stops a match, as Markdown."""
    lines = [
        BEGIN,
        "",
        f"Version {VERSION}.",
        "",
        "| | if these agree | the scene | right | because |",
        "|---|---|---|---|---|",
    ]
    for number, rule in enumerate(RULES, 1):
        evidence = " and ".join(f"`{name}`" for name in sorted(rule.requires))
        if rule.any_of:
            evidence += f", and {' or '.join(f'`{name}`' for name in sorted(rule.any_of))}"
        lines.append(
            f"| {number} | {evidence} | {_ACTIONS[rule.action]} | {100 * rule.confidence:.4g} % | {rule.why} |"
        )
    lines += ["", "| evidence | is |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, what in EVIDENCE.items()]
    lines += ["", "| a match waits for a person | if |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, what in OBSTACLES.items()]
    lines += ["", "| limit | value |", "|---|---|"]
    lines += [f"| {name.replace('_', ' ')} | {value:,} |" for name, value in PARAMETERS.items()]
    return "\n".join([*lines, "", END])
