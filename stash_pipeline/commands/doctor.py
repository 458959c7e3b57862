"""Carries out ``stash-pipeline doctor``."""

from dataclasses import asdict

from rich.text import Text

from stash_pipeline.commands.output import console, print_json
from stash_pipeline.settings import get_settings

_STYLES = {"ok": "green", "note": "yellow", "broken": "red"}


def doctor(as_json: bool) -> int:
    """The command; returns the exit code: 1 if something is broken."""
    from stash_pipeline.doctor.diagnosis import diagnose

    findings = []
    for finding in diagnose(get_settings()):
        findings.append(finding)
        if not as_json:
            line = Text.assemble((f"{finding.state:<7}", _STYLES[finding.state]), f"{finding.what}: {finding.sentence}")
            console.print(line, soft_wrap=True)
            if finding.remedy:
                console.print(Text(f"       → {finding.remedy}"), soft_wrap=True)
    wrong = sum(finding.state == "broken" for finding in findings)
    if as_json:
        print_json({"broken": wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        console.print(f"{wrong} broken." if wrong else "Nothing is broken.", highlight=False)
    return 1 if wrong else 0
