"""Generates the catalogue: tags, studios, performers and groups.

Contains entities without files. Media are in ``generate_media``, words in ``invented``.
"""

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.generate_plan import LibraryPlan, partial_date, stash_ids
from stash_pipeline.simulator.generate_variants import other_name


def write_tags(plan: LibraryPlan) -> None:
    rng, names, aliases = plan.rng, invented.NameMaker(), invented.NameMaker()
    rows, alias_rows, relations, stash_rows = [], [], set(), []
    for number, slot, world in plan.fill("tags"):
        name = invented.phrase(world) if world.random() < 0.6 else world.choice(invented.NOUNS)
        if slot.shared and rng.random() < 0.1:
            name = name.upper()
        created, updated = plan.times()
        name = names.unique(name)
        rows.append(
            (
                number,
                name,
                created,
                updated,
                int(rng.random() < 0.1),
                rng.choice((None, "", "What it says.", "Zwei\nZeilen")),
                plan.image(0.2),
                int(rng.random() < 0.05),
                f"zz {name}" if rng.random() < 0.05 else None,
            )
        )
        for _ in range(rng.choice((0, 0, 1, 2))):
            alias_rows.append((number, aliases.unique(f"{invented.phrase(rng)} alias")))
        for endpoint, stash_id, stamp in stash_ids(plan, world, 0.3):
            stash_rows.append((number, endpoint, stash_id, stamp))
    count = plan.counts["tags"]
    for child in range(2, count + 1):
        if rng.random() < 0.5:
            # Parents have lower ids, so there are no cycles.
            for _ in range(2 if rng.random() < 0.15 else 1):
                relations.add((rng.randint(1, child - 1), child))
    plan.write(
        "tags",
        "id, name, created_at, updated_at, ignore_auto_tag, description, image_blob, favorite, sort_name",
        rows,
    )
    plan.write("tag_aliases", "tag_id, alias", alias_rows)
    plan.write("tags_relations", "parent_id, child_id", sorted(relations))
    plan.write("tag_stash_ids", "tag_id, endpoint, stash_id, updated_at", stash_rows)


def write_studios(plan: LibraryPlan) -> None:
    rng, names, aliases = plan.rng, invented.NameMaker(), invented.NameMaker()
    rows, urls, alias_rows, stash_rows, tag_rows = [], [], [], [], []
    for number, slot, world in plan.fill("studios"):
        name = names.unique(f"{invented.phrase(world)} {world.choice(invented.STUDIO_ENDINGS)}")
        created, updated = plan.times()
        parent = rng.randint(1, number - 1) if number > 3 and rng.random() < 0.4 else None
        rows.append(
            (
                number,
                name,
                parent,
                created,
                updated,
                rng.choice((None, "", "Small and slow.")),
                plan.rating(),
                int(rng.random() < 0.05),
                plan.image(0.5),
                int(rng.random() < 0.15),
            )
        )
        for position in range(world.choice((0, 1, 1, 2))):
            urls.append((number, position, f"https://studio{world.randrange(10**6)}.example/{position}"))
        if rng.random() < 0.3:
            alias_rows.append((number, aliases.unique(f"{invented.phrase(rng)} Works")))
        for endpoint, stash_id, stamp in stash_ids(plan, world, 0.6):
            stash_rows.append((number, endpoint, stash_id, stamp))
        tag_rows += [(number, tag) for tag in plan.alike("tags", slot, world, 3)]
    plan.write(
        "studios",
        "id, name, parent_id, created_at, updated_at, details, rating, ignore_auto_tag, image_blob, favorite",
        rows,
    )
    plan.write("studio_urls", "studio_id, position, url", urls)
    plan.write("studio_aliases", "studio_id, alias", alias_rows)
    plan.write("studio_stash_ids", "studio_id, endpoint, stash_id, updated_at", stash_rows)
    plan.write("studios_tags", "studio_id, tag_id", tag_rows)


def write_performers(plan: LibraryPlan) -> None:
    rng, names = plan.rng, invented.NameMaker()
    rows, urls, alias_rows, stash_rows, tag_rows, custom = [], [], [], [], [], []
    taken: dict[str, int] = {}
    for number, slot, world in plan.fill("performers"):
        name = invented.person(world)
        born, born_precision = partial_date(world, 1960, 2001)
        died, died_precision = partial_date(world, 2015, 2023) if world.random() < 0.05 else (None, None)
        taken[name] = taken.get(name, 0) + 1
        disambiguation = None
        if taken[name] > 1:
            # Performers with the same name need a disambiguation.
            disambiguation = names.unique(f"the one of {world.randint(1990, 2020)}")
        created, updated = plan.times()
        rows.append(
            (
                number,
                name,
                disambiguation,
                world.choice(("FEMALE", "MALE", "NON_BINARY", None)),
                born,
                born_precision,
                world.choice(("", None, "Islander")),
                world.choice(invented.COUNTRIES),
                world.choice(invented.COLOURS),
                world.choice((None, world.randint(148, 203))),
                world.choice((None, "90-70-95")),
                None,
                world.choice((None, "", "2001-2010", "2015 -")),
                world.choice((None, "compass, left arm")),
                None,
                int(rng.random() < 0.1),
                created,
                updated,
                invented.details(world),
                died,
                died_precision,
                world.choice(invented.COLOURS),
                world.choice((None, world.randint(45, 110))),
                plan.rating(),
                int(rng.random() < 0.03),
                plan.image(0.6),
            )
        )
        site = f"https://people.example/{world.randrange(10**7)}"
        position = 0
        handle = f"{'' if slot.shared else plan.seed}x{slot.index}" if plan.variants else number
        for url in (site, f"https://twitter.com/invented{handle}", "https://www.instagram.com/invented"):
            if world.random() < (0.6 if url == site else 0.1):
                urls.append((number, position, url))
                position += 1
        aliases = {invented.person(world) for _ in range(world.choice((0, 0, 1, 3)))}
        if variant := plan.variant("performers", slot):
            shown, other = other_name(variant, name, aliases)
            if shown != name:
                taken[shown] = taken.get(shown, 0) + 1
                if taken[shown] > 1:
                    disambiguation = names.unique(f"the one of {variant.randint(1990, 2020)}")
                rows[-1] = (number, shown, disambiguation, *rows[-1][3:])
            aliases = set(other)
        alias_rows += [(number, alias) for alias in aliases]
        for endpoint, stash_id, stamp in stash_ids(plan, world, 0.6):
            stash_rows.append((number, endpoint, stash_id, stamp))
        if rng.random() < 0.02:  # performers may have two ids of one endpoint
            stash_rows.append((number, invented.ENDPOINTS[0], invented.uuid_text(rng), "1970-01-01T00:00:00Z"))
        tag_rows += [(number, tag) for tag in plan.alike("tags", slot, world, 4)]
        if rng.random() < 0.1:
            custom += [
                (number, "shoe size", 38.5),
                (number, "note", "naïve “text”"),
                (number, "visits", number),
            ]
    plan.write(
        "performers",
        "id, name, disambiguation, gender, birthdate, birthdate_precision, ethnicity, country, eye_color,"
        " height, measurements, fake_tits, career_length, tattoos, piercings, favorite, created_at,"
        " updated_at, details,"
        " death_date, death_date_precision, hair_color, weight, rating,"
        " ignore_auto_tag, image_blob",
        rows,
    )
    plan.write("performer_urls", "performer_id, position, url", urls)
    plan.write("performer_aliases", "performer_id, alias", sorted(alias_rows))
    plan.write("performer_stash_ids", "performer_id, endpoint, stash_id, updated_at", stash_rows)
    plan.write("performers_tags", "performer_id, tag_id", tag_rows)
    plan.write("performer_custom_fields", "performer_id, field, value", custom)


def write_groups(plan: LibraryPlan) -> None:
    rng, names = plan.rng, invented.NameMaker()
    rows, urls, tag_rows, relations = [], [], [], []
    for number, slot, world in plan.fill("groups"):
        date, precision = partial_date(world, 1985, 2025)
        created, updated = plan.times()
        studios = plan.alike("studios", slot, world, 1)
        front = plan.image(0.7)
        rows.append(
            (
                number,
                names.unique(f"{invented.phrase(world)} {world.choice(invented.ENDINGS)}"),
                world.choice((None, "", "Also known")),
                world.choice((None, world.randint(600, 9000))),
                date,
                precision,
                plan.rating(),
                studios[0] if studios else None,
                world.choice((None, invented.person(world))),
                invented.details(world),
                created,
                updated,
                front,
                plan.image(0.4) if front else None,
            )
        )
        if world.random() < 0.5:
            urls.append((number, 0, f"https://groups.example/{world.randrange(10**6)}"))
        tag_rows += [(number, tag) for tag in plan.alike("tags", slot, world, 3)]
        if number > 2 and rng.random() < 0.3:
            containing = rng.randint(1, number - 1)
            relations.append((containing, number, number, rng.choice((None, "", f"part {number}"))))
    plan.write(
        "groups",
        "id, name, aliases, duration, date, date_precision, rating, studio_id, director, description,"
        " created_at, updated_at, front_image_blob, back_image_blob",
        rows,
    )
    plan.write("group_urls", "group_id, position, url", urls)
    plan.write("groups_tags", "group_id, tag_id", tag_rows)
    plan.write("groups_relations", "containing_id, sub_id, order_index, description", relations)
