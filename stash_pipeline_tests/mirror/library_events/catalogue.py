"""Events of tags, performers, studios and groups."""

import random

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.mirror.library_events.writing import (
    ALWAYS,
    PICTURE,
    STUDIOS,
    TAGS,
    NothingToDoError,
    any_of,
    as_group,
    event,
    fresh,
    mutate,
    one,
    some,
)

# --- tags -----------------------------------------------------------------------------------------------


@event("a tag is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "tag"), "parent_ids": some(stash, rng, TAGS, 2)}
    mutate(stash, "tagCreate", input=given)


@event("a tag is renamed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "tagUpdate", input={"id": any_of(stash, rng, "tags"), "name": fresh(stash, "Tag")})


@event("a tag gets an image", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "tagUpdate", input={"id": any_of(stash, rng, "tags"), "image": PICTURE})


@event("a tag gets aliases", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"aliases": [fresh(stash, "alias"), fresh(stash, "Ältere")]}
    mutate(stash, "tagUpdate", input={"id": any_of(stash, rng, "tags"), **given})


def _above(stash: SimulatedStash, tag: int) -> str:
    """The tags that cannot be below a tag: itself and its ancestors."""
    return (
        f"WITH RECURSIVE up(id) AS (SELECT {tag} UNION"
        " SELECT parent_id FROM tags_relations JOIN up ON child_id = up.id) SELECT id FROM up"
    )


def _lone(stash: SimulatedStash, rng: random.Random) -> tuple[int, int]:
    """A tag, and another one that can become its child."""
    tag = any_of(stash, rng, "tags")
    below = f"SELECT child_id FROM tags_relations WHERE parent_id = {tag}"
    return tag, one(stash, rng, f"{TAGS} WHERE id NOT IN ({_above(stash, tag)}) AND id NOT IN ({below})")


@event("a tag gets parents", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    parent, child = _lone(stash, rng)
    mutate(stash, "tagUpdate", input={"id": child, "parent_ids": [parent]})


@event("a tag gets children")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    # the children, whose parents these are, keep their timestamps
    parent, child = _lone(stash, rng)
    mutate(stash, "tagUpdate", input={"id": parent, "child_ids": [child]})


def _two(stash: SimulatedStash, rng: random.Random, table: str, used: str) -> tuple[int, int]:
    """An object that is used somewhere, and another one."""
    source = one(stash, rng, used)
    return source, one(stash, rng, f"SELECT id FROM {table} WHERE id <> {source}")


_USED_TAGS = "SELECT tag_id FROM scenes_tags UNION SELECT primary_tag_id FROM scene_markers"


@event("tags are merged", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source, destination = _two(stash, rng, "tags", _USED_TAGS)
    mutate(stash, "tagsMerge", input={"source": [source], "destination": destination})


@event("tags are merged with values", seen=ALWAYS, since="v0.31.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source, destination = _two(stash, rng, "tags", _USED_TAGS)
    values = {"id": destination, "description": fresh(stash, "merged")}
    mutate(stash, "tagsMerge", input={"source": [source], "destination": destination, "values": values})


@event("a tag is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    tag = one(stash, rng, f"{TAGS} WHERE id NOT IN (SELECT primary_tag_id FROM scene_markers)")
    mutate(stash, "tagDestroy", input={"id": tag})


# --- performers, studios, groups ------------------------------------------------------------------------


@event("a performer is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "performer"), "tag_ids": some(stash, rng, TAGS)}
    mutate(stash, "performerCreate", input=given)


@event("a performer is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "Performer"), "birthdate": rng.choice((None, "1990-02-03")), "favorite": True}
    mutate(stash, "performerUpdate", input={"id": any_of(stash, rng, "performers"), **given})


@event("a performer gets an image, aliases and tags", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"image": PICTURE, "alias_list": [fresh(stash, "alias")], "tag_ids": some(stash, rng, TAGS)}
    mutate(stash, "performerUpdate", input={"id": any_of(stash, rng, "performers"), **given})


@event("a performer gets custom fields", seen=ALWAYS, since="v0.28.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"custom_fields": {"partial": {"number": rng.randrange(9), "text": fresh(stash, "text")}}}
    mutate(stash, "performerUpdate", input={"id": any_of(stash, rng, "performers"), **given})


@event("performers are merged", seen=ALWAYS, since="v0.31.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    source, destination = _two(stash, rng, "performers", "SELECT performer_id FROM performers_scenes")
    mutate(stash, "performerMerge", input={"source": [source], "destination": destination})


@event("a performer is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "performerDestroy", input={"id": any_of(stash, rng, "performers")})


@event("a studio is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "studio"), "parent_id": any_of(stash, rng, "studios")}
    mutate(stash, "studioCreate", input=given)


@event("a studio is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "Studio"), "image": rng.choice((None, PICTURE)), "rating100": 50}
    mutate(stash, "studioUpdate", input={"id": any_of(stash, rng, "studios"), **given})


@event("a studio gets another parent", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    studio = any_of(stash, rng, "studios")
    below = (
        f"WITH RECURSIVE down(id) AS (SELECT {studio} UNION"
        " SELECT s.id FROM studios s JOIN down ON s.parent_id = down.id) SELECT id FROM down"
    )
    parent = one(stash, rng, f"{STUDIOS} WHERE id NOT IN ({below})")
    mutate(stash, "studioUpdate", input={"id": studio, "parent_id": parent})


@event("a studio is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, "studioDestroy", input={"id": any_of(stash, rng, "studios")})


@event("a group is created", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "group"), "studio_id": any_of(stash, rng, "studios")}
    mutate(stash, as_group(stash, "groupCreate"), input=given)


@event("a group is edited", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    given = {"name": fresh(stash, "Group"), "front_image": PICTURE, "duration": rng.randrange(9999)}
    mutate(stash, as_group(stash, "groupUpdate"), input={"id": any_of(stash, rng, "groups"), **given})


@event("a group is destroyed", seen=ALWAYS)
def _(stash: SimulatedStash, rng: random.Random) -> None:
    mutate(stash, as_group(stash, "groupDestroy"), input={"id": any_of(stash, rng, "groups")})


def _apart(stash: SimulatedStash, rng: random.Random) -> tuple[int, int]:
    """Two groups, the first of which does not contain the second yet, without creating a cycle."""
    pairs = stash.library.tuples(
        "SELECT a.id, b.id FROM groups a JOIN groups b ON b.id > a.id WHERE (a.id, b.id) NOT IN"
        " (SELECT containing_id, sub_id FROM groups_relations) ORDER BY 1, 2"
    )
    if not pairs:
        raise NothingToDoError("all groups contain each other")
    containing, sub = rng.choice(pairs)
    return containing, sub


@event("a group gets a sub-group", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing, sub = _apart(stash, rng)
    given = {"sub_groups": [{"group_id": sub, "description": rng.choice((None, "part"))}], "insert_index": 0}
    mutate(stash, "addGroupSubGroups", input={"containing_group_id": containing, **given})


@event("a group says which groups contain it", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing, sub = _apart(stash, rng)
    given = {"containing_groups": [{"group_id": containing, "description": "told by the other side"}]}
    mutate(stash, "groupUpdate", input={"id": sub, **given})


@event("a group loses a sub-group", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing = one(stash, rng, "SELECT containing_id FROM groups_relations")
    sub = one(stash, rng, f"SELECT sub_id FROM groups_relations WHERE containing_id = {containing}")
    mutate(stash, "removeGroupSubGroups", input={"containing_group_id": containing, "sub_group_ids": [sub]})


@event("sub-groups change places", since="v0.27.0")
def _(stash: SimulatedStash, rng: random.Random) -> None:
    containing = one(
        stash, rng, "SELECT containing_id FROM groups_relations GROUP BY containing_id HAVING count(*) > 1"
    )
    ordered = f"SELECT sub_id FROM groups_relations WHERE containing_id = {containing} ORDER BY order_index"
    first, *_, last = [row[0] for row in stash.library.tuples(ordered)]
    given = {"sub_group_ids": [last], "insert_at_id": first, "insert_after": False}
    mutate(stash, "reorderSubGroups", input={"group_id": containing, **given})
