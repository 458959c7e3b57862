"""What people and scans do to a library.

Contains the changes that ``life`` chooses from. What a person does goes through the server's mutations; a scan writes
files and scenes to the tables, stamped by the server's clock.
"""

import random
from typing import Any

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.life import Kind, NothingToChangeError
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.subscriptions import call_hooks

_NEW_FOLDER = "/media/new"
_FEWEST = 20
"""A library is not emptied: with this number of objects or fewer, none is deleted or merged."""
_SKIPPED = 0.3
"""The share of found videos that this server does not have."""
_MOST_NEW = 6
_PHASH_BITS = 2


def library_kinds(stash: SimulatedStash, seed: int, overlap_seed: int | None) -> list[Kind]:
    """What can happen to the library of a server.

    Servers with the same overlap seed find the same new videos, but each of them skips some: what one of them has found
    turns up on another one later.
    """
    user = _User(stash)
    scan = _Scan(stash, seed, f"found/{seed if overlap_seed is None else f'shared/{overlap_seed}'}")
    return [
        Kind(8, user.plays),
        Kind(5, user.retitles),
        Kind(5, user.tags),
        Kind(4, user.rates),
        Kind(3, user.renames_file),
        Kind(3, scan.finds_videos),
        Kind(2, user.marks),
        Kind(2, user.favors),
        Kind(2, user.adds_performer),
        Kind(2, user.organizes_many),
        Kind(1, user.counts_o),
        Kind(1, user.deletes_scene),
        Kind(1, user.merges_tags),
        Kind(1, user.merges_scenes),
        Kind(1, user.rates_image),
    ]


class _Server:
    """Access to the server that changes."""

    def __init__(self, stash: SimulatedStash) -> None:
        self.stash = stash

    def mutate(self, mutation: str, selection: str = "", /, **arguments: Any) -> None:
        """Send a mutation; NothingToChangeError if the server refuses it, or is too old for it."""
        field = getattr(self.stash.engine.schema.mutation_type, "fields", {}).get(mutation)
        if field is None or not set(arguments) <= set(field.args):
            raise NothingToChangeError(f"{self.stash.release.name} has no {mutation}")
        declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
        passed = ", ".join(f"{name}: ${name}" for name in arguments)
        query = f"mutation({declared}) {{ {mutation}({passed}) {selection} }}"
        answer = self.stash.execute(query, arguments)
        if answer.get("errors"):
            raise NothingToChangeError(str(answer["errors"]))
        if self.stash.plugin:
            call_hooks(self.stash.subscribers, query, arguments, answer)

    def pick(self, rng: random.Random, sql: str) -> int:
        """One of the ids that a query returns."""
        return self.sample(rng, sql, 1)[0]

    def sample(self, rng: random.Random, sql: str, count: int) -> list[int]:
        """Some of the ids that a query returns, none twice."""
        ids = sorted({row[0] for row in self.stash.library.tuples(sql)})
        if len(ids) < count:
            raise NothingToChangeError(f"fewer than {count}: {sql}")
        return rng.sample(ids, count)

    def require_many(self, table: str) -> None:
        """NothingToChangeError if only few objects are left."""
        if int(self.stash.library.scalar(f"SELECT count(*) FROM {table}")) <= _FEWEST:
            raise NothingToChangeError(f"few {table} are left")

    def name(self, kind: str, row_id: int) -> str:
        """An object in a sentence: its kind, id, and name."""
        column = "name" if kind in ("tag", "performer") else "title"
        named = self.stash.library.scalar(f"SELECT {column} FROM {kind}s WHERE id = ?", (row_id,))
        return f'{kind} {row_id} "{named}"' if named else f"{kind} {row_id}"


class _User(_Server):
    """A person who uses the server."""

    def plays(self, rng: random.Random, _: int) -> str:
        """A play, which changes no timestamp of the scene."""
        scene = self.pick(rng, "SELECT id FROM scenes")
        if self.stash.release.since(25):
            self.mutate("sceneAddPlay", "{ count }", id=str(scene))
        else:
            self.mutate("sceneIncrementPlayCount", id=str(scene))
        self.mutate(
            "sceneSaveActivity", id=str(scene), resume_time=round(rng.uniform(0, 900), 1),
            playDuration=round(rng.uniform(30, 900), 1),
        )  # fmt: skip
        return f"played {self.name('scene', scene)}"

    def counts_o(self, rng: random.Random, _: int) -> str:
        """An o."""
        scene = self.pick(rng, "SELECT id FROM scenes")
        if self.stash.release.since(25):
            self.mutate("sceneAddO", "{ count }", id=str(scene))
        else:
            self.mutate("sceneIncrementO", id=str(scene))
        return f"counted an o of {self.name('scene', scene)}"

    def retitles(self, rng: random.Random, _: int) -> str:
        """Another title."""
        scene = self.pick(rng, "SELECT id FROM scenes")
        before, title = self.name("scene", scene), invented.title(rng)
        self._scene(scene, title=title)
        return f'gave {before} the title "{title}"'

    def rates(self, rng: random.Random, _: int) -> str:
        """A rating, and the mark of an organized scene."""
        scene, rating = self.pick(rng, "SELECT id FROM scenes"), rng.randint(1, 20) * 5
        self._scene(scene, rating100=rating, organized=True)
        return f"rated {self.name('scene', scene)} {rating}"

    def tags(self, rng: random.Random, _: int) -> str:
        """One more tag."""
        scene, tag = self.pick(rng, "SELECT id FROM scenes"), self.pick(rng, "SELECT id FROM tags")
        tagged = [
            row[0] for row in self.stash.library.tuples("SELECT tag_id FROM scenes_tags WHERE scene_id = ?", (scene,))
        ]
        self._scene(scene, tag_ids=[str(identifier) for identifier in sorted({*tagged, tag})])
        return f"tagged {self.name('scene', scene)} with {self.name('tag', tag)}"

    def _scene(self, scene: int, **values: Any) -> None:
        self.mutate("sceneUpdate", "{ id }", input={"id": str(scene), **values})

    def renames_file(self, rng: random.Random, number: int) -> str:
        """Another name of a file in the same folder."""
        library = self.stash.library
        # none that a scan found: the number in its name is the position of the scan
        file = self.pick(
            rng,
            'SELECT file_id FROM scenes_files JOIN files ON files.id = file_id WHERE "primary" = 1'
            " AND basename NOT GLOB '[0-9][0-9][0-9][0-9][0-9].*'",
        )
        folder, before = library.tuples("SELECT parent_folder_id, basename FROM files WHERE id = ?", (file,))[0]
        name = f"{invented.phrase(rng).lower().replace(' ', '.')}.{number}.{before.rpartition('.')[2]}"
        self.mutate(
            "moveFiles",
            input={"ids": [str(file)], "destination_folder_id": str(folder), "destination_basename": name},
        )
        return f'renamed the file "{before}" to "{name}"'

    def marks(self, rng: random.Random, _: int) -> str:
        """A new marker."""
        scene, tag = self.pick(rng, "SELECT id FROM scenes"), self.pick(rng, "SELECT id FROM tags")
        marker = {"title": invented.phrase(rng), "seconds": round(rng.uniform(0, 300), 1), "scene_id": str(scene)}
        self.mutate("sceneMarkerCreate", "{ id }", input={**marker, "primary_tag_id": str(tag), "tag_ids": []})
        return f"set a marker in {self.name('scene', scene)}"

    def favors(self, rng: random.Random, _: int) -> str:
        """A performer becomes a favorite, or is one no longer."""
        performer = self.pick(rng, "SELECT id FROM performers")
        favorite = not self.stash.library.scalar("SELECT favorite FROM performers WHERE id = ?", (performer,))
        self.mutate("performerUpdate", "{ id }", input={"id": str(performer), "favorite": favorite})
        return f"made {self.name('performer', performer)} {'a' if favorite else 'no'} favorite"

    def adds_performer(self, rng: random.Random, number: int) -> str:
        """A new performer of a scene."""
        library = self.stash.library
        scene = self.pick(rng, "SELECT id FROM scenes")
        name = f"{invented.person(rng)} {number}"
        self.mutate("performerCreate", "{ id }", input={"name": name})
        created = library.scalar("SELECT max(id) FROM performers")
        others = library.tuples("SELECT performer_id FROM performers_scenes WHERE scene_id = ?", (scene,))
        self._scene(scene, performer_ids=[str(performer) for performer in (*(row[0] for row in others), created)])
        return f"added {self.name('performer', created)} to {self.name('scene', scene)}"

    def organizes_many(self, rng: random.Random, _: int) -> str:
        """Several scenes get a tag at once."""
        tag = self.pick(rng, "SELECT id FROM tags")
        scenes = self.sample(rng, "SELECT id FROM scenes", rng.randint(3, 12))
        update = {"ids": [str(scene) for scene in scenes], "tag_ids": {"ids": [str(tag)], "mode": "ADD"}}
        self.mutate("bulkSceneUpdate", "{ id }", input=update)
        return f"tagged {len(scenes)} scenes with {self.name('tag', tag)}"

    def deletes_scene(self, rng: random.Random, _: int) -> str:
        """A scene is deleted with its files."""
        self.require_many("scenes")
        scene = self.pick(rng, "SELECT id FROM scenes")
        named = self.name("scene", scene)
        self.mutate("sceneDestroy", input={"id": str(scene), "delete_file": True})
        return f"deleted {named}"

    def merges_tags(self, rng: random.Random, _: int) -> str:
        """A tag becomes a part of another one."""
        self.require_many("tags")
        source, target = self.sample(rng, "SELECT id FROM tags", 2)
        names = self.name("tag", source), self.name("tag", target)
        self.mutate("tagsMerge", "{ id }", input={"source": [str(source)], "destination": str(target)})
        return f"merged {names[0]} into {names[1]}"

    def merges_scenes(self, rng: random.Random, _: int) -> str:
        """A scene becomes a part of another one, with its files."""
        self.require_many("scenes")
        source, target = self.sample(rng, "SELECT id FROM scenes", 2)
        names = self.name("scene", source), self.name("scene", target)
        self.mutate("sceneMerge", "{ id }", input={"source": [str(source)], "destination": str(target)})
        return f"merged {names[0]} into {names[1]}"

    def rates_image(self, rng: random.Random, _: int) -> str:
        """A rating of an image."""
        image, rating = self.pick(rng, "SELECT id FROM images"), rng.randint(1, 20) * 5
        self.mutate("imageUpdate", "{ id }", input={"id": str(image), "rating100": rating})
        return f"rated {self.name('image', image)} {rating}"


class _Scan(_Server):
    """A scan of the server's folders."""

    def __init__(self, stash: SimulatedStash, seed: int, source: str) -> None:
        super().__init__(stash)
        self.seed, self.source = seed, source

    def finds_videos(self, rng: random.Random, _: int) -> str:
        """New files, each with a scene of its own that nobody has described yet; or a second file of a scene."""
        sentence = self._looks(rng)
        self.stash.subscribers.publish("scanCompleteSubscribe", True)
        return sentence

    def _looks(self, rng: random.Random) -> str:
        count = rng.randint(1, _MOST_NEW)
        if rng.random() < 0.2:
            return self._finds_copy(rng)
        first = self._next()
        new = 0
        position = first
        while new < count:
            if random.Random(f"{self.source}/{position}/{self.seed}").random() >= _SKIPPED:
                self._finds(position)
                new += 1
            position += 1
        return f"a scan found {new} new video{'s' if new > 1 else ''}"

    def _next(self) -> int:
        """The position after the newest found video, which is at the beginning of its name."""
        newest = self.stash.library.scalar(
            "SELECT max(CAST(basename AS INTEGER)) FROM files JOIN folders ON folders.id = files.parent_folder_id"
            " WHERE folders.path = ?",
            (self._path(),),
        )
        return 1 if newest is None else int(newest) + 1

    def _path(self) -> str:
        return f"E:{_NEW_FOLDER}".replace("/", "\\") if self.stash.windows else _NEW_FOLDER

    def _folder(self) -> int:
        folder = self.stash.library.scalar("SELECT id FROM folders WHERE path = ?", (self._path(),))
        return int(folder) if folder is not None else self._insert("folders", path=self._path())

    def _insert(self, table: str, **values: Any) -> int:
        now = self.stash.context().local_now()
        more = {} if table == "scenes" else {"mod_time": now}
        return self.stash.library.insert(table, {**values, **more, "created_at": now, "updated_at": now})

    def _finds(self, position: int) -> None:
        # the same for every server that finds it
        world = random.Random(f"{self.source}/{position}")
        title, duration = invented.phrase(world).lower().replace(" ", "."), round(world.uniform(120, 3000), 2)
        phash = world.getrandbits(64)
        if random.Random(f"{self.source}/{position}/{self.seed}/again").random() < 0.3:
            # encoded again: another file, nearly the same pictures
            world = random.Random(f"{self.source}/{position}/{self.seed}/encoding")
            for _ in range(_PHASH_BITS):
                phash ^= 1 << world.randrange(64)
        file = self._file(world, f"{position:05d}.{title}.mp4", duration, phash)
        scene = self._insert("scenes")
        self.stash.library.insert("scenes_files", {"scene_id": scene, "file_id": file, "primary": 1})

    def _file(self, rng: random.Random, name: str, duration: float, phash: int) -> int:
        library = self.stash.library
        file = self._insert(
            "files", basename=name, parent_folder_id=self._folder(), size=rng.randrange(10**7, 4 * 10**9)
        )
        library.insert(
            "video_files",
            {
                "file_id": file, "duration": duration, "video_codec": rng.choice(("h264", "hevc", "av1")),
                "format": "mp4", "audio_codec": "aac", "width": 1920, "height": 1080, "frame_rate": 25.0,
                "bit_rate": rng.randrange(10**6, 10**7),
            },
        )  # fmt: skip
        signed = phash - (1 << 64) if phash >> 63 else phash
        prints = [(file, "oshash", f"{rng.getrandbits(64):016x}"), (file, "phash", signed)]
        library.execute_many("INSERT INTO files_fingerprints (file_id, type, fingerprint) VALUES (?, ?, ?)", prints)
        return file

    def _finds_copy(self, rng: random.Random) -> str:
        """A better encode of a scene, with a scene of its own: the hash of its pictures is nearly the same."""
        library = self.stash.library
        scene = self.pick(
            rng,
            'SELECT scene_id FROM scenes_files JOIN files_fingerprints USING (file_id) WHERE "primary" = 1'
            " AND type = 'phash'",
        )
        duration, phash = library.tuples(
            "SELECT duration, fingerprint FROM scenes_files JOIN video_files USING (file_id)"
            " JOIN files_fingerprints USING (file_id) WHERE scene_id = ? AND type = 'phash' AND \"primary\" = 1",
            (scene,),
        )[0]
        near = (int(phash) & (1 << 64) - 1) ^ (1 << rng.randrange(64))
        position = self._next()
        name = f"{position:05d}.{invented.phrase(rng).lower().replace(' ', '.')}.copy.mp4"
        created = self._insert("scenes")
        file = self._file(rng, name, float(duration), near)
        library.insert("scenes_files", {"scene_id": created, "file_id": file, "primary": 1})
        return f"a scan found a copy of {self.name('scene', scene)}"
