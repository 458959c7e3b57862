"""Scenes of stash-boxes in the output of ``stash-pipeline matches list`` and ``show``."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stash_pipeline.commands.matched_objects import Box, InstanceNames, say
from stash_pipeline.commands.output import table
from stash_pipeline.matching.stashbox_words import in_words
from stash_pipeline.stashbox.endpoints import endpoint_key, web_url
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.box_queue import OpenCandidate, box_scenes, candidates_of
from stash_pipeline.warehouse.matches.decisions import BoxRecord
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.matches.queue import names_of

_OUTCOMES: Final = {
    "automatic": "matched",
    "review": "for a person",
    "reject": "not matched",
    "accepted": "accepted",
    "rejected": "rejected",
}


def describe_open(
    connection: Connection, instances: InstanceNames, candidates: Sequence[OpenCandidate]
) -> list[dict[str, Any]]:
    """Open candidates as rows of the queue."""
    if not candidates:
        return []
    names = names_of(connection, "scenes", {candidate.scene for candidate in candidates})
    scenes = box_scenes(connection, [(candidate.endpoint_id, candidate.box_scene_id) for candidate in candidates])
    rows = []
    for candidate in candidates:
        box, scene = _box(instances, candidate.endpoint_id), scenes.get((candidate.endpoint_id, candidate.box_scene_id))
        rows.append(
            {
                "entity": "scenes",
                "left": instances.write(candidate.scene),
                "right": _written(instances, box, candidate.box_scene_id),
                "rule": candidate.rule,
                "confidence": round(candidate.confidence, 4),
                "evidence": candidate.evidence,
                "refused": None,
                "uses": 0,
                "worth": round(candidate.worth, 2),
                "left_name": names.get(candidate.scene, ""),
                "right_name": scene.title if scene else "",
                "box": box.name,
                "url": web_url(box.url, "scenes", candidate.box_scene_id),
            }
        )
    return rows


def describe_candidates(connection: Connection, instances: InstanceNames, node: Node) -> list[dict[str, Any]]:
    """The candidates of a scene, what it is first."""
    candidates = candidates_of(connection, node)
    scenes = box_scenes(connection, [(candidate.endpoint_id, candidate.box_scene_id) for candidate in candidates])
    rows = []
    for candidate in candidates:
        box, scene = _box(instances, candidate.endpoint_id), scenes.get((candidate.endpoint_id, candidate.box_scene_id))
        rows.append(
            {
                "object": _written(instances, box, candidate.box_scene_id),
                "title": scene.title if scene else "",
                "date": scene.date if scene else "",
                "studio": scene.studio if scene else "",
                "duration": scene.duration if scene else None,
                "url": web_url(box.url, "scenes", candidate.box_scene_id),
                "action": candidate.action,
                "rule": candidate.rule,
                "confidence": candidate.confidence,
                "evidence": candidate.evidence,
                "because": "; ".join(in_words(candidate.evidence)),
            }
        )
    return rows


def _box(instances: InstanceNames, endpoint_id: int) -> Box:
    return next(box for box in instances.boxes if box.id == endpoint_id)


def _written(instances: InstanceNames, box: Box, identifier: str) -> str:
    return instances.write_record(BoxRecord(endpoint_key(box.url), identifier))


def print_candidates(candidates: Sequence[Mapping[str, Any]]) -> None:
    """Prints candidates for people."""
    if not candidates:
        return
    rows = [
        [candidate["object"], candidate["title"], candidate["date"], candidate["studio"],
         _OUTCOMES[candidate["action"]], f"{candidate['confidence']:.4f}", candidate["because"]]
        for candidate in candidates
    ]  # fmt: skip
    table("scenes of stash-boxes", ["object", "title", "date", "studio", "outcome", "confidence", "because"], rows)
    for candidate in candidates:
        say(f"{candidate['object']}: {candidate['url']}")
