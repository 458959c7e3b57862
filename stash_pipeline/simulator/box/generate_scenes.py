"""Generates the scenes of a box and their fingerprints, with what makes real ones hard to match.

Contains scenes of the libraries, others, and the truth about all of them. Performers, studios and tags are in
``generate_catalogue``.
"""

from dataclasses import dataclass, field

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.box.content import Kind, hexadecimal, number_of
from stash_pipeline.simulator.box.generate_catalogue import box_date
from stash_pipeline.simulator.box.generate_plan import BoxPlan
from stash_pipeline.simulator.box.hashes import DEGENERATE, distance_of, is_degenerate, near_phash, random_phash
from stash_pipeline.simulator.box.truth import Hazard, LocalObject, SceneTruth
from stash_pipeline.simulator.database import Row

_SHORT = 150
_CROWD = 4


@dataclass
class _File:
    """The fingerprints of a local file."""

    oshash: str
    phash: int | None
    duration: float


@dataclass
class _Work:
    """One scene as the libraries have it: its rows, its files, and what the box makes of it."""

    instances: list[tuple[LocalObject, Row]]
    files: dict[LocalObject, list[_File]]
    correct: list[str] = field(default_factory=list)
    hazards: set[Hazard] = field(default_factory=set)

    @property
    def all_files(self) -> list[_File]:
        return [file for place, _ in self.instances for file in self.files.get(place, ())]


def _files(plan: BoxPlan) -> dict[LocalObject, list[_File]]:
    files: dict[LocalObject, list[_File]] = {}
    sql = (
        "SELECT scene_id, duration, MAX(CASE type WHEN 'oshash' THEN fingerprint END),"
        " MAX(CASE type WHEN 'phash' THEN fingerprint END) FROM scenes_files"
        " JOIN video_files ON video_files.file_id = scenes_files.file_id"
        " JOIN files_fingerprints ON files_fingerprints.file_id = scenes_files.file_id"
        " GROUP BY scene_id, scenes_files.file_id ORDER BY scene_id, scenes_files.file_id"
    )
    for number, library in enumerate(plan.libraries):
        for scene, duration, oshash, phash in library.tuples(sql):
            if oshash:
                unsigned = None if phash is None else int(phash) & 0xFFFFFFFFFFFFFFFF
                files.setdefault((number, scene), []).append(_File(oshash, unsigned, duration))
    return files


class _Scenes:
    def __init__(self, plan: BoxPlan) -> None:
        self.plan, self.box, self.rng = plan, plan.box, plan.rng
        files = _files(plan)
        self.works = [_Work(instances, files) for instances in plan.local("scene").values()]
        self.related: dict[Kind, dict[LocalObject, list[str]]] = {
            "performer": plan.texts(
                "SELECT scene_id, performer_id FROM performers_scenes ORDER BY scene_id, performer_id"
            ),
            "tag": plan.texts("SELECT scene_id, tag_id FROM scenes_tags ORDER BY scene_id, tag_id"),
        }
        self.urls = plan.texts("SELECT scene_id, url FROM scene_urls ORDER BY scene_id, position")
        kinds: tuple[Kind, ...] = ("performer", "studio", "tag")
        self.pools = [sorted(set(plan.ids[kind].values())) for kind in kinds]
        self.others: list[str] = []

    def write(self) -> None:
        """All scenes; first those of the libraries, so that wrong fingerprints can be attached to the others."""
        for work in self.works:
            if self.plan.chance(self.plan.shares.scenes):
                self.known(work)
        for _ in range(int(len(self.works) * self.plan.shares.extra)):
            self.others.append(self.other())
        for work in self.works:
            if work.all_files and self.others:
                self.complicate(work)
        self.degenerate()
        for work in self.works:
            self.record_truth(work)
        self.prolific()

    def known(self, work: _Work) -> None:
        """The scene of the box that a local scene is."""
        place, row = work.instances[0]
        scene = self.add(work, place, row, row["title"] or invented.title(self.rng))
        work.correct.append(scene)
        if not work.all_files or self.plan.chance(self.plan.shares.no_hash):
            self.submit_invented(scene, int(self.duration(work) or 600))
            return
        self.submit(scene, work)
        if min(file.duration for file in work.all_files) < _SHORT:
            work.hazards.add("short")
        if any(file.phash is not None and is_degenerate(file.phash) for file in work.all_files):
            work.hazards.add("degenerate")

    def duration(self, work: _Work) -> float | None:
        return work.all_files[0].duration if work.all_files else None

    def add(self, work: _Work, place: LocalObject, row: Row, title: str) -> str:
        plan, rng, number = self.plan, self.rng, place[0]
        studio = (
            plan.ids["studio"].get(plan.identity("studio", (number, row["studio_id"]))) if row["studio_id"] else None
        )
        duration = self.duration(work)
        if duration is not None and plan.chance(0.1):
            work.hazards.add("no duration")
            duration = None
        return self.box.add_scene(
            title,
            studio=studio if plan.chance(0.9) else None,
            performers=[performer for performer in self.ids("performer", place) if plan.chance(0.9)],
            tags=[tag for tag in self.ids("tag", place) if plan.chance(0.6)],
            urls=[url for url in self.urls.get(place, ()) if plan.chance(0.7)],
            images=[self.box.add_image(1280, 720)] if plan.chance(0.6) else [],
            date=box_date(rng, row["date"], row["date_precision"]),
            duration=None if duration is None else int(duration),
            code=row["code"] or None,
            director=row["director"] or None,
            details=row["details"] or None,
        )

    def ids(self, kind: Kind, place: LocalObject) -> list[str]:
        """The performers or tags of a local scene that the box has."""
        known = self.plan.ids[kind]
        ids = [
            known.get(self.plan.identity(kind, (place[0], int(other)))) for other in self.related[kind].get(place, ())
        ]
        return list(dict.fromkeys(identifier for identifier in ids if identifier is not None))

    def voters(self) -> int:
        return self.rng.choice((1, 1, 2, 2, 3, 4, 6))

    def submit(self, scene: str, work: _Work, *, with_oshash: bool = True) -> None:
        """Fingerprints of local files, and of copies that no library has."""
        rng, shares = self.rng, self.plan.shares
        exact = with_oshash and self.plan.chance(shares.exact)
        for file in work.all_files:
            seconds = round(file.duration)
            if exact:
                self.box.submit(scene, "OSHASH", file.oshash, seconds, users=self.voters())
            if file.phash is not None and not is_degenerate(file.phash):
                distance = rng.choice((2, 2, 4)) if self.plan.chance(shares.near) else 0
                self.box.submit(scene, "PHASH", near_phash(rng, file.phash, distance), seconds, users=self.voters())
            elif file.phash is not None:
                self.box.submit(scene, "PHASH", file.phash, seconds, users=self.voters())
        if self.plan.chance(0.4):
            first = work.all_files[0]
            seconds = max(1, round(first.duration) + rng.choice((-1, 0, 0, 1, 30)))
            self.box.submit(scene, "OSHASH", hexadecimal(rng.getrandbits(64)), seconds, users=self.voters())
            if first.phash is not None and not is_degenerate(first.phash):
                again = near_phash(rng, first.phash, rng.choice((2, 4, 6)))
                self.box.submit(scene, "PHASH", again, seconds, users=self.voters())

    def submit_invented(self, scene: str, duration: int) -> None:
        self.box.submit(scene, "OSHASH", hexadecimal(self.rng.getrandbits(64)), duration, users=self.voters())
        self.box.submit(scene, "PHASH", random_phash(self.rng), duration, users=self.voters())

    def other(self) -> str:
        """A scene that no library has."""
        rng = self.rng
        duration = rng.randint(60, 5400)
        performers, studios, tags = self.pools
        scene = self.box.add_scene(
            invented.title(rng),
            studio=rng.choice(studios) if studios and rng.random() < 0.8 else None,
            performers=rng.sample(performers, min(len(performers), rng.choice((0, 1, 1, 2)))),
            tags=rng.sample(tags, min(len(tags), rng.choice((0, 2, 4)))),
            date=f"{rng.randint(2005, 2025)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            duration=duration if rng.random() < 0.9 else None,
        )
        self.submit_invented(scene, duration)
        return scene

    def complicate(self, work: _Work) -> None:
        """Some of what goes wrong in a box that many people edit."""
        rng, share = self.rng, self.plan.shares.hazard
        first = work.all_files[0]
        usable = first.phash is not None and not is_degenerate(first.phash)
        if self.plan.chance(share):
            # a hash of this scene on another one, often reported
            work.hazards.add("wrong fingerprint")
            wrong = rng.choice(self.others)
            self.box.submit(wrong, "OSHASH", first.oshash, round(first.duration), users=rng.choice((1, 1, 2)))
            if self.plan.chance(0.6):
                self.box.report(wrong, "OSHASH", first.oshash, users=rng.choice((1, 2, 3)))
        if usable and first.duration < _SHORT and self.plan.chance(0.5):
            work.hazards.update(("short", "crowded"))
            for scene in rng.sample(self.others, min(_CROWD, len(self.others))):
                assert first.phash is not None
                seconds = max(1, round(first.duration) + rng.randint(-20, 20))
                self.box.submit(scene, "PHASH", near_phash(rng, first.phash, rng.choice((0, 2, 4, 6))), seconds)
        if not work.correct:
            return
        scene = work.correct[0]
        if self.plan.chance(share):
            work.hazards.add("reported")
            sql = (
                "SELECT DISTINCT hash, algorithm FROM scene_fingerprints JOIN fingerprints ON id = fingerprint_id"
                " WHERE scene_id = ? ORDER BY id LIMIT 2"
            )
            for row in self.box.rows(sql, (scene,)):
                self.box.report(scene, row["algorithm"], row["hash"], users=rng.choice((1, 2, 5)))
        if self.plan.chance(share):
            work.hazards.add("moved")
            source = rng.choice(self.others)
            self.box.submit(source, "OSHASH", first.oshash, round(first.duration), users=2)
            self.box.move("OSHASH", first.oshash, source, scene)
        if usable and self.plan.chance(share):
            self.release_again(work, "rerelease", round(first.duration))
        if usable and self.plan.chance(share):
            self.release_again(work, "dub", round(first.duration))
        if usable and self.plan.chance(share):
            self.release_again(work, "compilation", round(first.duration) * rng.randint(2, 4))
        if self.plan.chance(share):
            self.end(work, scene)

    def release_again(self, work: _Work, hazard: Hazard, duration: int) -> None:
        """Another scene of the box with the same phash. That of a re-release is a correct match, too."""
        place, row = work.instances[0]
        work.hazards.add(hazard)
        suffix = {"rerelease": "(again)", "dub": "(other language)", "compilation": "and Others"}[hazard]
        scene = self.add(work, place, row, f"{row['title'] or 'Untitled'} {suffix}")
        phash = work.all_files[0].phash
        assert phash is not None
        self.box.submit(scene, "PHASH", near_phash(self.rng, phash, 0), duration, users=self.voters())
        if hazard == "rerelease":
            work.correct.append(scene)

    def end(self, work: _Work, scene: str) -> None:
        """The scene is deleted, or merged into a new one, which does not get its fingerprints."""
        former = self.plan.truth.former.setdefault("scene", {})
        if self.plan.chance(0.5):
            work.hazards.add("merged")
            place, row = work.instances[0]
            target = self.add(work, place, row, f"{row['title'] or 'Untitled'} ")
            self.submit_invented(target, int(self.duration(work) or 600))
            self.box.merge("scene", scene, target)
            former.setdefault(target, []).append(scene)
            work.correct[0] = target
            return
        work.hazards.add("deleted")
        self.plan.truth.dead.setdefault("scene", []).append(scene)
        work.correct.remove(scene)
        if self.plan.chance(0.5):
            self.box.destroy("scene", scene)
        else:
            self.box.delete("scene", scene)

    def degenerate(self) -> None:
        """Hashes without a picture, on many unrelated scenes."""
        for scene in self.rng.sample(self.others, min(len(self.others), 2 + len(self.others) // 20)):
            for phash in DEGENERATE:
                self.box.submit(scene, "PHASH", phash, self.rng.randint(30, 4000), users=self.voters())

    def record_truth(self, work: _Work) -> None:
        """The truth about a local scene, by what the box has in the end."""
        stored = self.box.tuples(
            "SELECT algorithm, hash, SUM(vote) FROM scene_fingerprints JOIN fingerprints ON id = fingerprint_id"
            f" WHERE scene_id IN ({', '.join('?' for _ in work.correct)}) GROUP BY scene_id, id",
            work.correct,
        )
        oshashes = {number for algorithm, number, votes in stored if algorithm == "OSHASH" and votes > 0}
        phashes = [number for algorithm, number, _ in stored if algorithm == "PHASH"]
        for place, _ in work.instances:
            files = work.files.get(place, [])
            distances = [
                distance_of(file.phash, other) for file in files if file.phash is not None for other in phashes
            ]
            self.plan.truth.scenes[place] = SceneTruth(
                correct=frozenset(work.correct),
                oshash=any(number_of(file.oshash) in oshashes for file in files),
                phash_distance=min(distances, default=None),
                hazards=frozenset(work.hazards),
            )

    def prolific(self) -> None:
        """Performers who have more scenes here than any library has of them."""
        performers = self.pools[0]
        for performer in self.rng.sample(performers, min(len(performers), 2 + len(performers) // 40)):
            for _ in range(self.rng.randint(12, 20)):
                scene = self.box.add_scene(invented.title(self.rng), performers=[performer], duration=1200)
                self.submit_invented(scene, 1200)
            self.plan.truth.prolific.append(performer)


def write_scenes(plan: BoxPlan) -> None:
    """Scenes with fingerprints, and what is true about them."""
    _Scenes(plan).write()
