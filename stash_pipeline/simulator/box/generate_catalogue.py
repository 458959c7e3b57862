"""Generates performers, studios and tags of a box, which agree with local ones in part.

Contains names, aliases, dates, and what was merged or deleted. Scenes are in ``generate_scenes``.
"""

import random
from collections.abc import Iterable

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.box.content import HOME_SITE, Kind
from stash_pipeline.simulator.box.generate_plan import BoxPlan
from stash_pipeline.simulator.box.truth import LocalObject
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.library import Identity

_GENDERS = {"FEMALE", "MALE", "NON_BINARY"}
_COLOURS = {"brown": "BROWN", "blue": "BLUE", "green": "GREEN", "hazel": "HAZEL"}
Instances = list[tuple[LocalObject, Row]]


def _with_precision(text: str | None, precision: int | None) -> str | None:
    return text if text is None else text[: (10, 7, 4)[precision or 0]]


def box_date(rng: random.Random, text: str | None, precision: int | None) -> str | None:
    """A local date as the box has it: the same, less precise, missing, or rarely another day."""
    known = _with_precision(text, precision)
    roll = rng.random()
    if known is None or roll < 0.75:
        return known
    if roll < 0.85:
        return known[:7] if len(known) > 7 else known[:4]
    if roll < 0.95:
        return None
    return f"{known[:8]}{rng.randint(1, 28):02}" if len(known) == 10 else known


def _end(plan: BoxPlan, kind: Kind, identity: Identity, row_id: str) -> None:
    """Deletes the row, so that it is no match any more, or merges an older row into it."""
    if plan.chance(plan.shares.hazard / 2):
        del plan.ids[kind][identity]
        plan.truth.dead.setdefault(kind, []).append(row_id)
        if plan.chance(0.5):
            plan.box.destroy(kind, row_id)
        else:
            plan.box.delete(kind, row_id)


def _merge_older(plan: BoxPlan, kind: Kind, row_id: str, older: str) -> None:
    plan.box.merge(kind, older, row_id, keep_names=plan.chance(0.5))
    plan.truth.former.setdefault(kind, {}).setdefault(row_id, []).append(older)


def _assign(plan: BoxPlan, kind: Kind, local: dict[Identity, Instances]) -> None:
    known = plan.truth.of(kind)
    for identity, instances in local.items():
        for place, _ in instances:
            known[place] = plan.ids[kind].get(identity)


def write_performers(plan: BoxPlan) -> None:
    """Performers: those of the libraries under their name or an alias, with other aliases and dates."""
    local = plan.local("performer")
    aliases = plan.texts("SELECT performer_id, alias FROM performer_aliases ORDER BY performer_id, alias")
    urls = plan.texts("SELECT performer_id, url FROM performer_urls ORDER BY performer_id, position")
    pairs: set[tuple[str, str]] = set()
    known = plan.ids.setdefault("performer", {})
    rng = plan.rng
    for identity, instances in local.items():
        if not plan.chance(plan.shares.catalogue):
            continue
        place, row = instances[0]
        names = _names(instances, aliases)
        name = rng.choice(names) if plan.chance(0.15) else row["name"]
        disambiguation = row["disambiguation"]
        if disambiguation and (name, disambiguation) in pairs:
            disambiguation = f"{disambiguation} {len(pairs)}"
        pairs.add((name, disambiguation or ""))
        known[identity] = plan.box.add_performer(
            name,
            disambiguation=disambiguation or None,
            aliases=[alias for alias in [*names, *_invented(rng)] if alias != name and plan.chance(0.8)],
            urls=[url for url in urls.get(place, []) if plan.chance(0.8)],
            images=[plan.box.add_image(rng.choice((600, 800)), rng.choice((900, 1200)))] if plan.chance(0.7) else [],
            birthdate=box_date(rng, row["birthdate"], row["birthdate_precision"]),
            deathdate=_with_precision(row["death_date"], row["death_date_precision"]),
            gender=row["gender"] if row["gender"] in _GENDERS else None,
            country=row["country"] or None,
            eye_color=_COLOURS.get(row["eye_color"] or ""),
            height=row["height"],
        )
    for identity, performer in list(known.items()):
        if plan.chance(plan.shares.hazard):
            shown = plan.box.scalar("SELECT name FROM performers WHERE id = ?", (performer,))
            older = plan.box.add_performer(shown, aliases=_invented(rng), disambiguation=f"entered twice {len(pairs)}")
            pairs.add((shown, f"entered twice {len(pairs)}"))
            _merge_older(plan, "performer", performer, older)
        else:
            _end(plan, "performer", identity, performer)
    _assign(plan, "performer", local)


def _names(instances: Instances, aliases: dict[LocalObject, list[str]]) -> list[str]:
    names = [row["name"] for _, row in instances] + [
        alias for place, _ in instances for alias in aliases.get(place, ())
    ]
    return list(dict.fromkeys(names))


def _invented(rng: random.Random) -> list[str]:
    return [invented.person(rng)] if rng.random() < 0.3 else []


def write_studios(plan: BoxPlan) -> None:
    """Studios, with parents where their libraries have them."""
    local = plan.local("studio")
    urls = plan.texts("SELECT studio_id, url FROM studio_urls ORDER BY studio_id, position")
    aliases = plan.texts("SELECT studio_id, alias FROM studio_aliases ORDER BY studio_id, alias")
    taken = invented.NameMaker()
    known = plan.ids.setdefault("studio", {})
    for identity, instances in local.items():
        if not plan.chance(plan.shares.catalogue):
            continue
        place, row = instances[0]
        others = [*_names(instances, aliases)[1:], *(["The " + row["name"]] if plan.chance(0.2) else [])]
        known[identity] = plan.box.add_studio(
            row["name"],
            aliases=_unused(taken, others),
            urls=[(url, HOME_SITE) for url in urls.get(place, [])],
            images=[plan.box.add_image(400, 200)] if plan.chance(0.5) else [],
        )
    for identity, studio in list(known.items()):
        place, row = local[identity][0]
        parent = known.get(plan.identity("studio", (place[0], row["parent_id"]))) if row["parent_id"] else None
        if parent and parent != studio and not _is_above(plan, studio, parent):
            plan.box.update("studios", studio, {"parent_studio_id": parent})
    for identity, studio in list(known.items()):
        if plan.chance(plan.shares.hazard):
            name = plan.box.scalar("SELECT name FROM studios WHERE id = ?", (studio,))
            _merge_older(plan, "studio", studio, plan.box.add_studio(f"{name} Online"))
        elif plan.box.scalar("SELECT COUNT(*) FROM studios WHERE parent_studio_id = ?", (studio,)) == 0:
            _end(plan, "studio", identity, studio)
    _assign(plan, "studio", local)


def _is_above(plan: BoxPlan, studio: str, other: str | None) -> bool:
    """Whether a studio is another one or above it."""
    while other is not None:
        if other == studio:
            return True
        other = plan.box.scalar("SELECT parent_studio_id FROM studios WHERE id = ?", (other,))
    return False


def _unused(taken: invented.NameMaker, names: Iterable[str]) -> list[str]:
    """The names that nobody has yet."""
    return [name for name in dict.fromkeys(names) if taken.unique(name) == name]


def write_tags(plan: BoxPlan) -> None:
    """Tags, whose names and aliases are unique; what several libraries write differently is one tag."""
    local = plan.local("tag")
    aliases = plan.texts("SELECT tag_id, alias FROM tag_aliases ORDER BY tag_id, alias")
    categories = [plan.box.add_tag_category(name, group) for name, group in
                  (("Places", "SCENE"), ("Weather", "SCENE"), ("Clothes", "PEOPLE"))]  # fmt: skip
    names, others = invented.NameMaker(), invented.NameMaker()
    known = plan.ids.setdefault("tag", {})
    for identity, instances in local.items():
        if not plan.chance(plan.shares.catalogue):
            continue
        name = instances[0][1]["name"]
        if names.unique(name) != name:
            continue
        known[identity] = plan.box.add_tag(
            name,
            category=plan.rng.choice([None, *categories]),
            aliases=_unused(
                others, [alias for alias in _names(instances, aliases)[1:] if alias.casefold() != name.casefold()]
            ),
            description=plan.rng.choice((None, "What it says.")),
        )
    for identity, tag in list(known.items()):
        if plan.chance(plan.shares.hazard):
            name = plan.box.scalar("SELECT name FROM tags WHERE id = ?", (tag,))
            _merge_older(plan, "tag", tag, plan.box.add_tag(names.unique(f"{name} again")))
        else:
            _end(plan, "tag", identity, tag)
    _assign(plan, "tag", local)
