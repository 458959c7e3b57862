"""The pages, as a person sees them in a browser. Needs Chromium; ``make test-ui`` runs this."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.instances import add_instance
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.ui.conftest import Interface
from stash_pipeline_tests.ui.launching import launch

pytestmark = pytest.mark.ui

PICTURES = os.environ.get("UI_PICTURES")
"""A folder to keep pictures of the pages in (the README's come from there)."""

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def page(interface: Interface) -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("There is no Chromium on this machine; install the package chromium to test the pages.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1500, "height": 900})
        opened.set_default_timeout(30_000)
        yield opened
        browser.close()


def keep(page: Page, name: str) -> None:
    if PICTURES:
        page.wait_for_timeout(2500)
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_the_lineage_page_shows_the_layers_in_order(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/asset-groups")
    places = {}
    for layer in ("raw_pages", "entities", "joins"):
        box = page.locator("[class*=GroupNode], a, div").get_by_text(layer, exact=True).last
        box.wait_for()
        found = box.bounding_box()
        assert found is not None
        places[layer] = found["x"]
    assert places["raw_pages"] < places["entities"] < places["joins"]
    keep(page, "lineage")


def test_an_asset_page_shows_columns_owner_and_source(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/stash/scenes?view=overview")
    page.get_by_text("date_precision", exact=True).wait_for()
    page.get_by_text("stash.scenes", exact=True).first.wait_for()
    page.get_by_text("entity specification").first.wait_for()
    page.get_by_text("refers_to: stash.studios.id").first.wait_for()
    keep(page, "asset")


def test_the_page_of_a_raw_asset_describes_documents(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/raw/scenes?view=overview")
    page.get_by_text("as documents: one row per object").first.wait_for()
    keep(page, "documents")


def test_the_partitions_page_lists_the_instances(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/stash/scenes?view=partitions")
    page.get_by_text("first", exact=True).first.wait_for()
    page.get_by_text("second", exact=True).first.wait_for()
    keep(page, "partitions")


def test_the_graph_can_be_expanded_down_to_a_join_table(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/stash/scene_tags?view=lineage&lineageScope=upstream")
    for name in ("scene_tags", "scenes", "tags"):
        page.get_by_text(name, exact=True).first.wait_for()
    keep(page, "scene_tags")


def test_a_job_can_be_launched_with_a_click(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/locations/__repository__@stash_pipeline/jobs/refresh")
    page.get_by_role("button", name="Materialize all").or_(page.get_by_text("Materialize all")).first.click()
    launched = page.get_by_role("button", name="Launch").or_(page.get_by_text("Launch 1 run")).first
    # Dagster asks "Are you sure?" where upstream assets were never materialized; no stash-box is registered here
    confirm = page.get_by_role("button", name="Confirm")
    launched.or_(confirm).first.wait_for()
    assert not confirm.is_visible()
    keep(page, "launch")
    page.keyboard.press("Escape")


def test_the_tables_of_stash_boxes_say_that_they_are_empty(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/stashbox/lookups?view=events")
    page.get_by_text("Stash-boxes are asked once they are registered").first.wait_for()
    keep(page, "stashbox_lookups")


def test_the_runs_page_lists_the_runs(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/runs")
    page.get_by_text("partition: first").first.wait_for()
    page.get_by_text("Success").first.wait_for()
    keep(page, "runs")


def test_the_automation_page_lists_schedules_and_sensors_with_switches(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/automation")
    for name in ("changes_sensor", "instances_sensor", "reconcile_sensor", "sweep_sensor", "maintenance_schedule"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("Every hour").first.wait_for()
    assert "5 minutes" not in page.inner_text("body")
    keep(page, "automation")


def test_the_jobs_page_lists_the_jobs(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/jobs")
    for name in ("refresh", "reconcile", "sweep", "rebuild", "maintain"):
        page.get_by_text(name, exact=True).first.wait_for()
    keep(page, "jobs")


def test_the_checks_page_shows_results(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/raw/pages?view=checks&checkDetail=counts_match_server")
    for name in ("counts_match_server", "sample_matches_server", "instances_are_fresh"):
        page.get_by_text(name, exact=True).first.wait_for()
    page.get_by_text("Passed").first.wait_for()
    keep(page, "checks")


def test_servers_can_be_probed_from_the_ui(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/assets/raw/pages?view=checks&checkDetail=server_reachable")
    page.get_by_text("Execute", exact=True).last.click()
    page.get_by_text("All servers respond (2).").first.wait_for(timeout=120_000)
    keep(page, "servers")


def test_runs_of_commands_show_their_tags(interface: Interface, page: Page) -> None:
    page.goto(f"{interface.url}/runs")
    page.get_by_text("stash_pipeline/reason: stash-pipeline sync first").first.wait_for()
    page.get_by_text("stash_pipeline/requested_by: command line").first.wait_for()


def test_the_page_of_a_failed_run_shows_cause_and_remedy(interface: Interface, page: Page) -> None:
    with connect(interface.database_url) as connection:
        add_instance(connection, "gone", f"http://127.0.0.1:{free_port()}", home=interface.home)
    try:
        settings = load_settings(home=interface.home).with_database(interface.database_url)
        with settings_in_use(settings):
            (outcome,) = sync_instances(settings, ["gone"], [], show=False)
        page.goto(f"{interface.url}/runs/{outcome['run_id']}")
        said = page.get_by_text("refuses connections: is Stash running there, on that port?").first
        said.wait_for()
        page.get_by_text("stash-pipeline instances edit gone --url URL").first.wait_for()
        keep(page, "failed")
    finally:
        with connect(interface.database_url) as connection:
            connection.execute("DELETE FROM ops.instances WHERE name = 'gone'")


def test_the_page_of_a_run_without_an_instance_asks_to_choose_one(interface: Interface, page: Page) -> None:
    run_id = launch(interface, None, status="FAILURE")
    page.goto(f"{interface.url}/runs/{run_id}")
    page.get_by_text("No instance was selected.").first.wait_for()
    keep(page, "no_instance")
