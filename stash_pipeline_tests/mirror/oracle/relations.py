"""The other side of relations, and counts, as the server reports them."""

from stash_pipeline_tests.mirror.oracle.comparison import Connection
from stash_pipeline_tests.mirror.oracle.shapes import Answers, Mismatch

# kind, what the server says of it, and the query of (id of the object, id of the other one)
INVERSES: tuple[tuple[str, str, str], ...] = (
    ("tags", "children", "SELECT parent_id, tag_id FROM stash.tag_parents"),
    ("studios", "child_studios", "SELECT parent_studio_id, id FROM stash.studios"),
    ("studios", "groups", "SELECT studio_id, id FROM stash.groups"),
    ("performers", "scenes", "SELECT performer_id, scene_id FROM stash.scene_performers"),
    (
        "performers",
        "groups",
        "SELECT DISTINCT p.performer_id, g.group_id FROM stash.scene_performers p\n"
        "JOIN stash.scene_groups g USING (instance_id, scene_id)",
    ),
    ("groups", "scenes", "SELECT group_id, scene_id FROM stash.scene_groups"),
    ("groups", "containing_groups", "SELECT group_id, containing_group_id FROM stash.group_containing"),
    ("galleries", "scenes", "SELECT gallery_id, scene_id FROM stash.scene_galleries"),
    ("scenes", "scene_markers", "SELECT scene_id, id FROM stash.scene_markers"),
)

COUNTS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "tags": (
        "stash.tag_counts",
        "tag_id",
        (
            "scene_count", "scene_marker_count", "image_count", "gallery_count", "performer_count",
            "studio_count", "group_count",
        ),
    ),
    "performers": (
        "stash.performer_counts",
        "performer_id",
        ("scene_count", "image_count", "gallery_count", "group_count", "o_counter"),
    ),
    "studios": (
        "stash.studio_counts",
        "studio_id",
        ("scene_count", "image_count", "gallery_count", "group_count", "o_counter"),
    ),
    "groups": (
        "stash.group_counts",
        "group_id",
        ("scene_count", "performer_count", "sub_group_count", "o_counter"),
    ),
    "galleries": ("stash.gallery_counts", "gallery_id", ("image_count",)),
}  # fmt: skip
_OLD_NAMES = {"group_count": "movie_count"}


def inverse_mismatches(connection: Connection, instance_id: int, answers: Answers) -> list[Mismatch]:
    """Differences between the server's own inverse relations and the tables."""
    result = []
    for kind, name, query in INVERSES:
        told = {
            int(o["id"]): sorted(int((one.get("group") or one)["id"]) for one in o[name])
            for o in answers.objects[kind]
            if name in o
        }
        rows = connection.execute(
            query.replace(" FROM ", ", instance_id FROM ", 1)
            if "JOIN" not in query
            else query.replace(" FROM ", ", p.instance_id FROM ", 1)
        ).fetchall()
        found: dict[int, list[int]] = {}
        for owner, other, instance in rows:
            if instance == instance_id and owner is not None:
                found.setdefault(owner, []).append(other)
        for number, others in told.items():
            if others != sorted(found.get(number, [])):
                result.append(Mismatch(kind, (number,), name, others, sorted(found.get(number, []))))
    return result


def count_mismatches(connection: Connection, instance_id: int, answers: Answers) -> list[Mismatch]:
    """Differences between the count views and the server's own counts."""
    result = []
    for kind, (view, key, names) in COUNTS.items():
        rows = connection.execute(
            f"SELECT {key}, {', '.join(names)} FROM {view} WHERE instance_id = %s", [instance_id]
        ).fetchall()
        found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}
        for o in answers.objects[kind]:
            for name in names:
                said = o.get(name, o.get(_OLD_NAMES.get(name, name)))
                if said is not None and said != found.get(int(o["id"]), {}).get(name):
                    result.append(Mismatch(view, (int(o["id"]),), name, said, found.get(int(o["id"]), {}).get(name)))
    return result
