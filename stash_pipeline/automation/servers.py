"""The asset check that says which servers do not answer. The sensor of changes, which asks them all, keeps it true.

In the page it is executed by a person who wants to know now; a run of one instance does not evaluate it.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from stash_pipeline.assets.raw import PAGES_KEY
from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.run_requests import connection_of_tick
from stash_pipeline.errors import UserError
from stash_pipeline.sync.server_probe import ask, questions

NAME: Final = "servers_answer"


_WAY_OUT: Final = (
    "If it has moved: `stash-pipeline instances edit {name} --url URL`. "
    "To leave it alone: `stash-pipeline instances disable {name}`."
)


def evaluation(silent: Mapping[str, str], answering: int) -> dg.AssetCheckEvaluation:
    """The result for the page.

    Args:
        silent: the sentence about each server that does not answer, by its instance. answering: how many do.
    """
    metadata: dict[str, Any] = {"answering": answering, "silent": len(silent)}
    return dg.AssetCheckEvaluation(
        asset_key=PAGES_KEY,
        check_name=NAME,
        passed=not silent,
        severity=dg.AssetCheckSeverity.WARN,
        description=_sentence(silent, answering),
        metadata={
            **metadata,
            **{f"instance {name}": f"{said} {_WAY_OUT.format(name=name)}" for name, said in silent.items()},
        },
    )


def _sentence(silent: Mapping[str, str], answering: int) -> str:
    if silent:
        return f"No answer from {', '.join(sorted(silent))}. " + " ".join(silent.values())
    return f"All servers answer ({answering})." if answering else "There is no enabled instance."


@dg.asset_check(
    asset=PAGES_KEY,
    name=NAME,
    description="The server of every enabled instance answers. `changes_sensor` asks them, and reports here when that "
    "changes; executing the check asks them now.",
)
def servers_answer(warehouse: dg.ResourceParam[WarehouseResource]) -> dg.AssetCheckResult:
    """Asks all of them."""
    try:
        with connection_of_tick(warehouse) as connection:
            asked = questions(connection)
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    found = ask(warehouse.settings, asked)
    silent = {
        question.instance.name: said.trouble
        for question in asked
        if (said := found[question.instance.uuid]).trouble is not None and said.asked
    }
    result = evaluation(silent, len(asked) - len(silent))
    return dg.AssetCheckResult(
        passed=result.passed, severity=result.severity, description=result.description, metadata=result.metadata
    )
