"""What the UI shows of matches: numbers, the largest clusters, and plots."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from tabulate import tabulate

from stash_pipeline import plots
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import Markdown
from stash_pipeline.warehouse.matches.box_statistics import describe_candidates
from stash_pipeline.warehouse.matches.queue import names_of

_LARGEST: Final = 10
_NAMES_SHOWN: Final = 4
_DAYS_PLOTTED: Final = 60
_LINES_PLOTTED: Final = 9

_DISTANCES = """
SELECT (near->>'distance')::integer, ((near->>'duration_difference')::bigint / 250)::integer * 250, count(*)
FROM matches.links AS l
CROSS JOIN LATERAL (SELECT coalesce(
    l.evidence #> '{agrees,phash}', l.evidence #> '{agrees,phash_close}', l.evidence #> '{agrees,phash_exact}'
) AS near) AS n
WHERE l.entity = 'scenes' AND near->>'duration_difference' IS NOT NULL
GROUP BY 1, 2
"""

_RECORD = """
INSERT INTO matches.link_counts AS c (day, rule, action, links)
SELECT current_date, rule, action, count(*) FROM matches.links GROUP BY rule, action
ON CONFLICT (day, rule, action) DO UPDATE SET links = excluded.links
"""


def describe(connection: Connection, pictures: bool) -> dict[str, dict[str, Any]]:
    """Metadata by table.

    Args:
        pictures: with plots; they cost half a second, and each is stored with the event.
    """
    links: dict[str, Any] = {"open_candidates": 0, "refused_links": 0}
    for rule, action, count, refused in connection.execute(
        "SELECT rule, action, count(*), count(refused) FROM matches.links GROUP BY 1, 2 ORDER BY 1, 2"
    ):
        links["refused_links"] += refused
        if action == "propose":
            links["open_candidates"] += count
        links[f"links: {rule} ({'linked' if action == 'merge' else 'proposed'})"] = count
    links["open_candidates"] += links["refused_links"]
    clusters: dict[str, Any] = {
        f"clusters: {entity} of {size}": count
        for entity, size, count in connection.execute(
            "SELECT entity, CASE WHEN size < 5 THEN size::text ELSE '5 and more' END, count(*)\n"
            "FROM matches.clusters WHERE size > 1 GROUP BY 1, 2 ORDER BY 1, 2"
        )
    }
    clusters["largest_clusters"] = Markdown(_largest(connection))
    if pictures:
        connection.execute(_RECORD)
        links.update(_plots(connection))
    return {
        "matches.links": links,
        "matches.clusters": clusters,
        "matches.stashbox_candidates": describe_candidates(connection, pictures),
    }


def _largest(connection: Connection) -> str:
    rows = connection.execute(
        "SELECT id, entity, size, instances FROM matches.clusters WHERE size > 1\nORDER BY size DESC, number LIMIT %s",
        [_LARGEST],
    ).fetchall()
    members: dict[Any, list[tuple[int, int]]] = defaultdict(list)
    for cluster_id, instance_id, identifier in connection.execute(
        "SELECT cluster_id, instance_id, id FROM matches.members WHERE cluster_id = ANY(%s) ORDER BY 2, 3",
        [[row[0] for row in rows]],
    ):
        members[cluster_id].append((instance_id, identifier))
    table = []
    for cluster_id, entity, size, instances in rows:
        shown = members[cluster_id][:_NAMES_SHOWN]
        names = names_of(connection, entity, shown)
        listed = ", ".join(dict.fromkeys(names.get(node, "").replace("|", "\\|") for node in shown))
        table.append([entity, size, instances, listed + (" …" if size > len(shown) else ""), str(cluster_id)])
    if not table:
        return "*no cluster of several objects*"
    headers = ["entity", "objects", "instances", "names", "cluster"]
    return tabulate(table, headers=headers, tablefmt="pipe", disable_numparse=True)


def _plots(connection: Connection) -> Mapping[str, Markdown]:
    distances: dict[int, int] = defaultdict(int)
    differences: dict[int, int] = defaultdict(int)
    for distance, difference, count in connection.execute(_DISTANCES):
        distances[distance] += count
        differences[difference // 250] += count
    pictures = {}
    if distances:
        pictures["phash_distances"] = Markdown(
            plots.histogram("Links of scenes by distance of their perceptual hashes", distances, "bits that differ")
        )
        pictures["duration_differences"] = Markdown(
            plots.histogram("Links of scenes by difference of their durations", differences, "seconds", unit=0.25)
        )
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    for day, rule, count in connection.execute(
        "SELECT day::text, rule, sum(links)::bigint FROM matches.link_counts\n"
        "WHERE day > current_date - %s::integer GROUP BY 1, 2 ORDER BY 1",
        [_DAYS_PLOTTED],
    ):
        counted[rule][day] = count
    days = sorted({day for by_day in counted.values() for day in by_day})
    if days:
        most = sorted(counted, key=lambda rule: -max(counted[rule].values()))[:_LINES_PLOTTED]
        series = {rule: [counted[rule].get(day, 0) for day in days] for rule in most}
        pictures["links_over_time"] = Markdown(plots.lines("Links by rule over time", days, series))
    return pictures
