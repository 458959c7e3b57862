"""The asset check that reports servers that do not respond. `changes_sensor`, which asks all of them, updates it.

It can be executed in the UI; a run of one instance does not evaluate it.
"""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

from stash_pipeline.assets.raw import PAGES_KEY
from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.run_requests import connection_of_tick
from stash_pipeline.errors import UserError
from stash_pipeline.sync.server_probe import ask, questions

NAME: Final = "server_reachable"
KEY: Final = dg.AssetCheckKey(PAGES_KEY, NAME)
_OF_INSTANCE: Final = "instance "


_WAY_OUT: Final = (
    "If it has moved: `stash-pipeline instances edit {name} --url URL`. "
    "To stop syncing it: `stash-pipeline instances disable {name}`."
)


def evaluation(silent: Mapping[str, str], answering: int) -> dg.AssetCheckEvaluation:
    """The result of the check.

    Args:
        silent: the error of each server that does not respond, by its instance.
        answering: how many servers respond.
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
            **{f"{_OF_INSTANCE}{name}": f"{error} {_WAY_OUT.format(name=name)}" for name, error in silent.items()},
        },
    )


def unreachable_servers(evaluated: dg.AssetCheckEvaluation) -> dict[str, str]:
    """The error of each server that did not respond, by its instance, from the result of the check."""
    return {
        name.removeprefix(_OF_INSTANCE): str(value.value)
        for name, value in evaluated.metadata.items()
        if name.startswith(_OF_INSTANCE)
    }


def _sentence(silent: Mapping[str, str], answering: int) -> str:
    if silent:
        return f"No response from {', '.join(sorted(silent))}. " + " ".join(silent.values())
    return f"All servers respond ({answering})." if answering else "There is no enabled instance."


@dg.asset_check(
    asset=PAGES_KEY,
    name=NAME,
    description="The server of every enabled instance responds. `changes_sensor` asks the servers and reports changes "
    "here; executing the check asks them now.",
)
def server_reachable(warehouse: dg.ResourceParam[WarehouseResource]) -> dg.AssetCheckResult:
    """Asks all servers."""
    try:
        with connection_of_tick(warehouse) as connection:
            probes = questions(connection)
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    answers = ask(warehouse.settings, probes)
    silent = {
        probe.instance.name: answer.error
        for probe in probes
        if (answer := answers[probe.instance.uuid]).error is not None and answer.asked
    }
    result = evaluation(silent, len(probes) - len(silent))
    return dg.AssetCheckResult(
        passed=result.passed, severity=result.severity, description=result.description, metadata=result.metadata
    )
