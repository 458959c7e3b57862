"""Checks of candidates of stash-boxes."""

from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import CheckOutcome, LayerCheck

_NAMED: Final = 10
_ALLOWED_ERRORS: Final = 0.001
"""Of automatic matches, as the rules promise it."""

_COMPARE_EVERYTHING: Final = frozenset({"reconcile", "sweep", "rebuild"})

_PRECISION: Final = """
SELECT count(*) FILTER (WHERE action = 'automatic' OR evidence ->> 'rules' = 'automatic'),
    count(*) FILTER (WHERE action = 'rejected' AND evidence ->> 'rules' = 'automatic'),
    count(*) FILTER (WHERE action = 'accepted' AND evidence ->> 'rules' = 'automatic')
FROM matches.stashbox_candidates"""


def _automatic_matches_are_right(connection: Connection) -> CheckOutcome:
    automatic, rejected, accepted = connection.execute(_PRECISION).fetchone() or (0, 0, 0)
    metadata = {"automatic_matches": automatic, "rejected": rejected, "accepted": accepted}
    if automatic:
        metadata["precision_observed"] = round(1 - rejected / automatic, 5)
    # people look at few matches, so this is an upper bound of the precision
    return CheckOutcome(rejected <= max(1, _ALLOWED_ERRORS * automatic), metadata)


_SEVERAL: Final = """
SELECT e.name, i.name, c.scene_id, array_agg(c.box_scene_id ORDER BY c.box_scene_id), count(*) OVER ()
FROM matches.stashbox_candidates AS c
JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
JOIN ops.instances AS i ON i.id = c.instance_id
WHERE c.action = 'accepted'
GROUP BY e.name, i.name, c.scene_id HAVING count(*) > 1
ORDER BY 1, 2, 3
LIMIT %s"""


def _one_scene_is_accepted(connection: Connection) -> CheckOutcome:
    rows = connection.execute(_SEVERAL, [_NAMED]).fetchall()
    total = rows[0][-1] if rows else 0
    lines = [
        f"{instance}:{scene} is {', '.join(f'{box}:{key}' for key in keys)}" for box, instance, scene, keys, _ in rows
    ]
    return CheckOutcome(
        not total,
        {"scenes": total, "examples": "; ".join(lines) or "none"},
        "Reject all but one of them with `stash-pipeline matches reject`." if total else None,
    )


BOX_CHECKS: Final = (
    LayerCheck(
        "automatic_matches_are_right",
        "matches.stashbox_candidates",
        "People rejected at most one in a thousand of the scenes of stash-boxes that the rules accept.",
        _automatic_matches_are_right,
        warn=True,
        modes=_COMPARE_EVERYTHING,
        only_in_modes=True,
    ),
    LayerCheck(
        "one_scene_of_a_box_is_accepted",
        "matches.stashbox_candidates",
        "For no scene did people accept two scenes of one stash-box.",
        _one_scene_is_accepted,
        warn=True,
        modes=_COMPARE_EVERYTHING,
        only_in_modes=True,
    ),
)
