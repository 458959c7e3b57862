"""What runs report of matches: numbers, pictures, checks."""

import base64
import re

import pytest

from stash_pipeline import plots
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers.layer import CheckOutcome, Markdown
from stash_pipeline.warehouse.matches.checks import CHECKS
from stash_pipeline.warehouse.matches.statistics import describe
from stash_pipeline_tests.matches.test_decisions import apart, different, same, together
from stash_pipeline_tests.matches.working import Servers


def outcome(servers: Servers, name: str) -> CheckOutcome:
    with connect(servers.database_url) as connection:
        result = next(check for check in CHECKS if check.name == name).evaluate(connection)
        assert result is not None
        return result


def spoil(servers: Servers, statement: str) -> None:
    with connect(servers.database_url) as connection:
        assert connection.execute(statement).rowcount > 0


def test_metadata_counts_links_and_names_the_largest_clusters(servers: Servers) -> None:
    with connect(servers.database_url) as connection:
        described = describe(connection, False)
        (count,) = connection.execute("SELECT count(*) FROM matches.links WHERE rule = 'tags:name'").fetchone() or (0,)
    assert described["matches.links"]["links: tags:name (linked)"] == count > 0
    assert "| entity" in described["matches.clusters"]["largest_clusters"].text
    assert not any(isinstance(value, Markdown) for value in described["matches.links"].values())


def test_plots_are_pictures(servers: Servers) -> None:
    with connect(servers.database_url) as connection:
        links = describe(connection, True)["matches.links"]
    pictures = [value.text for value in links.values() if isinstance(value, Markdown)]
    assert len(pictures) == 3
    for text in pictures:
        match = re.fullmatch(r"!\[[^\]]+\]\(data:image/png;base64,([^)]+)\)", text)
        assert match and base64.b64decode(match[1]).startswith(b"\x89PNG")


def test_a_plot_leaves_out_what_is_empty_and_says_what_its_last_bar_holds() -> None:
    both = {"matched": {0: 9, 20: 1}, "rejected": dict[int, int]()}
    text = plots.histograms("Title", both, "seconds", "candidates", unit=0.5, last=20)
    assert text == plots.histograms("Title", {"matched": both["matched"]}, "seconds", "candidates", unit=0.5, last=20)
    assert text != plots.histograms("Title", both, "seconds", "candidates", unit=0.5)


@pytest.mark.parametrize("check", [check.name for check in CHECKS])
def test_checks_pass_on_what_the_layer_makes(servers: Servers, check: str) -> None:
    a, b = together(servers, "performers")
    servers.decide(different("performers", a, b), same("scenes", *apart(servers, "scenes", 2)))
    servers.follow()
    assert outcome(servers, check).passed


def test_an_object_without_a_cluster_fails_a_check(servers: Servers) -> None:
    spoil(servers, "DELETE FROM matches.members WHERE entity = 'tags' AND id = 1 AND instance_id = 1")
    assert not outcome(servers, "every_object_has_one_cluster").passed


def test_scenes_of_one_server_without_proof_fail_a_check(servers: Servers) -> None:
    spoil(
        servers,
        "WITH two AS (SELECT cluster_id FROM matches.members WHERE entity = 'scenes' AND instance_id = 1\n"
        "    ORDER BY id LIMIT 2), moved AS (\n"
        "    UPDATE matches.members SET cluster_id = (SELECT min(cluster_id::text)::uuid FROM two)\n"
        "    WHERE cluster_id IN (SELECT cluster_id FROM two))\n"
        "UPDATE matches.clusters SET size = 2, instances = 1\n"
        "WHERE id = (SELECT min(cluster_id::text)::uuid FROM two)",
    )
    assert not outcome(servers, "scenes_of_one_instance_are_proven").passed


def test_decisions_that_contradict_each_other_fail_a_check(servers: Servers) -> None:
    a, b, c = apart(servers, "tags", 3)
    servers.decide(same("tags", a, b), same("tags", b, c))
    # the command refuses this one
    spoil(
        servers,
        "INSERT INTO matches.decisions (entity, verdict, left_instance, left_id, left_created_at, left_content,\n"
        "    right_instance, right_id, right_created_at, right_content)\n"
        "SELECT 'tags', 'different', f.left_instance, f.left_id, f.left_created_at, f.left_content,\n"
        "    s.right_instance, s.right_id, s.right_created_at, s.right_content\n"
        "FROM matches.decisions AS f, matches.decisions AS s WHERE f.id < s.id",
    )
    assert not outcome(servers, "decisions_agree").passed


def test_rejected_links_count_against_the_rules(servers: Servers) -> None:
    pairs = []
    with connect(servers.database_url) as connection:
        for row in connection.execute(
            "SELECT left_instance_id, left_id, right_instance_id, right_id FROM matches.links\n"
            "WHERE entity = 'tags' AND action = 'merge' LIMIT 2"
        ):
            pairs.append(((row[0], row[1]), (row[2], row[3])))
    servers.decide(*(different("tags", *pair) for pair in pairs))
    servers.follow()
    result = outcome(servers, "automatic_links_are_right")
    assert not result.passed and result.metadata["rejected"] == 2
