"""What users and moderators do to a box.

Contains the changes that ``life`` chooses from.
"""

import random
from collections.abc import Sequence

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import Kind as Entity
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.life import Kind, NothingToChangeError

_FEWEST = 20
_UNKNOWN_SCENES = """
SELECT scenes.id, title, fingerprint, duration FROM scenes JOIN scenes_files ON scene_id = scenes.id AND "primary" = 1
JOIN video_files USING (file_id) JOIN files_fingerprints USING (file_id) WHERE type = 'oshash' ORDER BY scenes.id
"""


def box_kinds(box: Box, seed: int, libraries: Sequence[Library]) -> list[Kind]:
    """What can happen to a box; `libraries` have scenes that it learns about."""
    users = _Users(box, seed, libraries)
    return [
        Kind(5, users.describe_scene),
        Kind(3, users.retitle_scene),
        Kind(2, users.rename_performer),
        Kind(2, users.confirm_fingerprint),
        Kind(1, users.merge_performers),
        Kind(1, users.merge_scenes),
    ]


class _Users:
    def __init__(self, box: Box, seed: int, libraries: Sequence[Library]) -> None:
        self.box = box
        self.seed = seed
        self.libraries = libraries

    def _sample(self, rng: random.Random, entity: Entity, count: int) -> list[str]:
        ids = [row[0] for row in self.box.tuples(f"SELECT id FROM {entity}s WHERE deleted = 0 ORDER BY id")]
        if len(ids) < _FEWEST:
            raise NothingToChangeError(f"few {entity}s are left")
        return rng.sample(ids, count)

    def _begin(self, number: int) -> None:
        # ids of new rows follow from the number of the change, as in a box that was not opened again
        self.box.rng = random.Random(f"box life/{self.seed}/{number}")

    def describe_scene(self, rng: random.Random, number: int) -> str:
        """A scene of a library that the box did not know."""
        self._begin(number)
        for library in rng.sample(self.libraries, len(self.libraries)):
            scenes = library.tuples(_UNKNOWN_SCENES)
            for _, title, oshash, duration in rng.sample(scenes, len(scenes)):
                number_of = int(oshash, 16)
                signed = number_of - (1 << 64) if number_of >> 63 else number_of
                if self.box.scalar("SELECT 1 FROM fingerprints WHERE hash = ? AND algorithm = 'OSHASH'", (signed,)):
                    continue
                title = title or invented.title(rng)
                scene = self.box.add_scene(title, date=f"{rng.randint(2010, 2024)}", duration=round(duration))
                self.box.submit(scene, "OSHASH", oshash, round(duration), users=rng.randint(1, 4))
                return f'described a scene, "{title}"'
        raise NothingToChangeError("all scenes are known")

    def retitle_scene(self, rng: random.Random, number: int) -> str:
        """Another title."""
        (scene,) = self._sample(rng, "scene", 1)
        title = invented.title(rng)
        self.box.rename("scene", scene, title)
        return f'gave scene {scene} the title "{title}"'

    def rename_performer(self, rng: random.Random, number: int) -> str:
        """Another name; the former one becomes an alias."""
        (performer,) = self._sample(rng, "performer", 1)
        name = f"{invented.person(rng)} {number}"
        self.box.rename("performer", performer, name, keep_as_alias=True)
        return f'gave performer {performer} the name "{name}"'

    def confirm_fingerprint(self, rng: random.Random, number: int) -> str:
        """One more user submits a fingerprint that the box has."""
        self._begin(number)
        prints = self.box.tuples(
            "SELECT DISTINCT scene_id, hash, algorithm, duration FROM scene_fingerprints"
            " JOIN fingerprints ON fingerprints.id = fingerprint_id WHERE vote = 1 ORDER BY 1, 2"
        )
        if not prints:
            raise NothingToChangeError("there is no fingerprint")
        scene, fingerprint, algorithm, duration = rng.choice(prints)
        user = self.box.users(rng.randint(5, 9))[-1]
        self.box.submit(scene, algorithm, fingerprint & (1 << 64) - 1, duration, users=[user])
        return f"confirmed a fingerprint of scene {scene}"

    def merge_performers(self, rng: random.Random, number: int) -> str:
        """A performer becomes a part of another one."""
        return self._merge(rng, "performer", number)

    def merge_scenes(self, rng: random.Random, number: int) -> str:
        """A scene becomes a part of another one."""
        return self._merge(rng, "scene", number)

    def _merge(self, rng: random.Random, entity: Entity, number: int) -> str:
        self._begin(number)
        source, target = self._sample(rng, entity, 2)
        self.box.merge(entity, source, target)
        return f"merged {entity} {source} into {target}"
