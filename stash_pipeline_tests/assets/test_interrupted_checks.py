"""A check that runs beside its run does not delay an interrupt."""

from dataclasses import replace

import psycopg
import pytest

from stash_pipeline.assets.checks import evaluating
from stash_pipeline.assets.specs import check_spec
from stash_pipeline.warehouse.connect import Connection, connect
from stash_pipeline.warehouse.entities.layer import STASH_LAYER
from stash_pipeline.warehouse.layers.layer import CheckOutcome
from stash_pipeline_tests.robustness.working import wait_for


def test_an_interrupt_cancels_the_statements_of_concurrent_checks(database_url: str) -> None:
    outcomes = []

    def wait(connection: Connection, instance_id: int) -> CheckOutcome:
        try:
            connection.execute("SELECT pg_sleep(30)")
            outcomes.append("waited")
        except psycopg.errors.QueryCanceled:
            outcomes.append("canceled")
        return CheckOutcome(True)

    (check,) = [replace(check, evaluate=wait) for check in STASH_LAYER.checks if check.concurrent]
    layer = replace(STASH_LAYER, checks=(check,))
    with connect(database_url) as connection:

        def waits() -> bool:
            row = connection.execute("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone()
            return row is not None

        with pytest.raises(KeyboardInterrupt), evaluating({check_spec(check).key}, [layer], database_url, 1):
            wait_for(waits, "the statement of the check")
            raise KeyboardInterrupt
    assert outcomes == ["canceled"]
