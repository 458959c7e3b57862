"""What the UI shows of candidates of stash-boxes: numbers by box and rule, and two plots."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from stash_pipeline import plots
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import Markdown

_BY_BOX: Final = """
SELECT e.name, count(*) FILTER (WHERE c.action IN ('automatic', 'accepted')),
    count(*) FILTER (WHERE c.action = 'review'), count(*) FILTER (WHERE c.action IN ('reject', 'rejected')),
    (SELECT count(*) FROM stash.scenes) - count(DISTINCT (c.instance_id, c.scene_id)) FILTER (
        WHERE c.action NOT IN ('reject', 'rejected'))
FROM matches.stashbox_candidates AS c JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
GROUP BY e.id, e.name ORDER BY lower(e.name)"""

_BY_RULE: Final = """
SELECT coalesce(rule, 'nothing agrees'), action, count(*) FROM matches.stashbox_candidates
GROUP BY 1, 2 ORDER BY 1, 2"""

_EVIDENCE: Final = """
SELECT c.action IN ('automatic', 'accepted'), (n.near ->> 'distance')::integer,
    least(coalesce(n.near ->> 'duration_difference', c.evidence #>> '{agrees,duration}',
        c.evidence #>> '{contradicts,duration_differs}')::double precision, %(longest)s)::integer / %(step)s,
    count(*)
FROM matches.stashbox_candidates AS c
CROSS JOIN LATERAL (SELECT coalesce(
    c.evidence #> '{agrees,phash_exact}', c.evidence #> '{agrees,phash_close}',
    c.evidence #> '{agrees,phash_near}', c.evidence #> '{agrees,phash_weak}'
) AS near) AS n
WHERE c.action <> 'review'
GROUP BY 1, 2, 3"""

_LONGEST: Final = 10_000
"""Milliseconds; what differs by more is counted as this."""
_STEP: Final = 500
"""Milliseconds of a bar."""


def describe_candidates(connection: Connection, pictures: bool) -> dict[str, Any]:
    """The metadata of ``matches.stashbox_candidates``; empty where no box was asked."""
    described: dict[str, Any] = {}
    for name, matched, review, rejected, without in connection.execute(_BY_BOX):
        described[f"{name}: matched"] = matched
        described[f"{name}: to review"] = review
        described[f"{name}: rejected"] = rejected
        described[f"{name}: scenes without a candidate"] = without
    for rule, action, count in connection.execute(_BY_RULE):
        # with spaces, at which the UI can break the line
        words = str(rule).replace("+", " + ").replace("|", " or ")
        described[f"candidates: {words} ({action})"] = count
    if pictures and described:
        described.update(_plots(connection))
    return described


def _plots(connection: Connection) -> Mapping[str, Markdown]:
    distances: dict[str, dict[int, int]] = {"matched": defaultdict(int), "rejected": defaultdict(int)}
    differences: dict[str, dict[int, int]] = {"matched": defaultdict(int), "rejected": defaultdict(int)}
    for matched, distance, difference, count in connection.execute(_EVIDENCE, {"longest": _LONGEST, "step": _STEP}):
        series = "matched" if matched else "rejected"
        if distance is not None:
            distances[series][distance] += count
        if difference is not None:
            differences[series][difference] += count
    pictures = {}
    if any(distances.values()):
        pictures["phash_distances"] = Markdown(
            plots.histograms(
                "Scenes of boxes by distance of their perceptual hashes", distances, "bits that differ", "candidates"
            )
        )
    if any(differences.values()):
        pictures["duration_differences"] = Markdown(
            plots.histograms(
                "Scenes of boxes by difference of their durations",
                differences,
                "seconds of difference",
                "candidates",
                unit=_STEP / 1000,
                last=_LONGEST // _STEP,
            )
        )
    return pictures
