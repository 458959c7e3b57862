"""Generates media with files: scenes, images, galleries, with folders, fingerprints and history.

Tags, studios, performers and groups are in ``generate_catalogue``.
"""

import hashlib
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from stash_pipeline.simulator import invented
from stash_pipeline.simulator.context import local_text, utc_text
from stash_pipeline.simulator.generate_plan import LibraryPlan, Slot, partial_date, stash_ids
from stash_pipeline.simulator.generate_variants import Video, encoded_again, file_name

_CODECS = ("h264", "hevc", "av1", "vp9", "")
_SIZES = ((1920, 1080), (1280, 720), (3840, 2160), (640, 480), (1080, 1920))
_FOLDERS = ("/media", "/media/a b ü", "/media/Архив", "/media/shelf")


class _Files:
    """The files of the generated library, and their folders."""

    def __init__(self, plan: LibraryPlan) -> None:
        self.plan = plan
        self.folders: dict[str, int] = {}
        self.folder_rows: list[tuple[Any, ...]] = []
        self.rows: list[tuple[Any, ...]] = []
        self.fingerprints: list[tuple[Any, ...]] = []
        self.next_id = 1 + int(plan.library.scalar("SELECT COALESCE(MAX(id), 0) FROM files"))
        for row in plan.library.rows("SELECT id, path FROM folders"):
            self.folders[row["path"]] = row["id"]

    def folder(self, path: str, zip_file: int | None = None) -> int:
        """The id of a folder; creates the folder and its parents if necessary."""
        if path not in self.folders:
            parent_path = path.rpartition("/")[0]
            parent = self.folder(parent_path) if parent_path else None
            number = len(self.folders) + 1
            self.folders[path] = number
            created, updated = self.plan.times()
            self.folder_rows.append((number, path, parent, created, created, updated, zip_file))
        return self.folders[path]

    def archive(self, path: str, file: int) -> None:
        """The folder inside a zip file, which has no modification time."""
        number = self.folder(path, file)
        kept = self.folder_rows[-1]
        assert kept[0] == number
        self.folder_rows[-1] = (*kept[:3], "0001-01-01T00:00:00Z", *kept[4:])

    def add(self, folder: int, basename: str, size: int, zip_file: int | None = None) -> int:
        """A new file; returns its id."""
        number = self.next_id
        self.next_id += 1
        created, updated = self.plan.times()
        self.rows.append((number, basename, zip_file, folder, size, created, created, updated))
        return number

    def resize(self, size: int) -> None:
        """Gives the file that was added last another size."""
        self.rows[-1] = (*self.rows[-1][:4], size, *self.rows[-1][5:])

    def write(self) -> None:
        """Insert the added rows."""
        self.plan.write(
            "folders",
            "id, path, parent_folder_id, mod_time, created_at, updated_at, zip_file_id",
            self.folder_rows,
        )
        self.plan.write(
            "files",
            "id, basename, zip_file_id, parent_folder_id, size, mod_time, created_at, updated_at",
            self.rows,
        )
        self.plan.write("files_fingerprints", "file_id, type, fingerprint", self.fingerprints)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _phash(rng: random.Random) -> int:
    roll = rng.random()
    if roll < 0.02:
        return rng.choice((0xFFFF, 0x1, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF, 0x00F0F0F0F0F0F0F0))
    return rng.getrandbits(64)


class _Scenes:
    def __init__(self, plan: LibraryPlan) -> None:
        self.plan, self.files = plan, _Files(plan)
        self.tables: dict[str, list[tuple[Any, ...]]] = {}
        self.encodes: list[tuple[float, int, int]] = []

    def put(self, table: str, *row: Any) -> None:
        self.tables.setdefault(table, []).append(row)

    def video(
        self, number: int, part: int, world: random.Random, duration: float, phash: int,
        variant: random.Random | None = None, title: str = "",
    ) -> None:  # fmt: skip
        rng, variants = self.plan.rng, self.plan.variants
        base = _FOLDERS[number % len(_FOLDERS)]
        folder = self.files.folder(f"{base}/{number // 200:03d}" if number >= 200 else base)
        stem = f"scene {number:05d}.{part}"
        if variants:
            stem = f"{file_name(random.Random(f'name/{self.plan.seed}/{number}'), title, number)}.{part}"
        size = world.randrange(10**6, 9 * 10**9)
        file_id = self.files.add(folder, f"{stem}.mp4", size)
        width, height = world.choice(_SIZES)
        interactive = int(rng.random() < 0.02)
        codec = world.choice(_CODECS[:4])
        audio = world.choice(("aac", "opus", ""))
        frame_rate = world.choice((24.0, 25.0, 29.97, 59.94))
        bit_rate = world.randrange(10**5, 2 * 10**7)
        speed = rng.randint(10, 400) if interactive else None
        oshash = f"{world.getrandbits(64):016x}"
        md5 = f"{world.getrandbits(128):032x}" if world.random() < 0.4 else None
        with_phash = world.random() < 0.9
        if with_phash and rng.random() < 0.15:
            # A re-encoded copy differs by a single bit; with variants, those that are encoded again differ.
            phash ^= 0 if variants else 1 << rng.randrange(64)
        video = Video(size, duration, codec, width, height, bit_rate, oshash, md5, phash)
        if variants:
            video = replace(video, bit_rate=max(100_000, int(7.6 * size / duration)))
        if variant is not None:
            video = encoded_again(variant, video)
            self.files.resize(video.size)
        self.put(
            "video_files", file_id, video.duration, video.codec, "mp4", audio, video.width, video.height, frame_rate,
            video.bit_rate, interactive, speed,
        )  # fmt: skip
        self.put("scenes_files", number, file_id, int(part == 0))
        prints = self.files.fingerprints
        prints.append((file_id, "oshash", video.oshash))
        if video.md5 is not None:
            prints.append((file_id, "md5", video.md5))
        if with_phash:
            prints.append((file_id, "phash", _signed(video.phash)))
        if rng.random() < 0.05:
            self.put("video_captions", file_id, "en", f"{stem}.en.srt", "srt")
            if rng.random() < 0.3:
                self.put("video_captions", file_id, "fr", f"{stem}.fr.vtt", "vtt")

    def scene(self, number: int, slot: Slot, world: random.Random) -> None:
        plan, rng = self.plan, self.plan.rng
        name = invented.title(world)
        title: str | None = name
        if slot.shared and rng.random() < 0.4:
            title = rng.choice((f"{name} (restored)", name.lower(), name.replace(" ", "  "), name + "!"))
        elif rng.random() < 0.04:
            title = rng.choice((None, ""))
        date, precision = partial_date(world, 2005, 2025)
        studios = plan.alike("studios", slot, world, 1)
        performers = plan.alike("performers", slot, world, 4)
        tags = plan.alike("tags", slot, world, 12)
        duration = round(world.uniform(30, 5400), 2)
        phash = _phash(world)
        variant = plan.variant("scenes", slot)
        # not of a shared video: its file would have the same checksum and another length on the other server
        if self.encodes and rng.random() < 0.02 and variant is None:
            # A duplicate: nearly the same content and duration.
            duration, phash, first = rng.choice(self.encodes)
            identities = plan.library.identities["scenes"]
            identities[number] = identities[first]
            duration = round(duration + rng.uniform(-2, 2), 2)
        self.encodes.append((duration, phash, number))
        has_files = rng.random() >= 0.03 or title in (None, "")
        for part in range((2 if rng.random() < 0.06 else 1) if has_files else 0):
            source, differing = (world, variant) if part == 0 else (rng, None)
            self.video(number, part, source, duration, phash, differing, title or name)
        created, updated = plan.times()
        played = rng.random() < 0.3
        self.put(
            "scenes",
            number,
            title,
            invented.details(world),
            date,
            precision,
            plan.rating(),
            studios[0] if studios else None,
            int(rng.random() < 0.4),
            created,
            updated,
            world.choice((None, "", f"C-{world.randrange(10**5)}")),
            world.choice((None, "", invented.person(world))),
            round(rng.uniform(0, duration), 3) if played else 0,
            round(rng.uniform(0, 9000), 2) if played else 0,
            plan.image(0.3),
        )
        for position in range(world.choice((0, 1, 1, 2))):
            self.put("scene_urls", number, position, f"https://scenes.example/{world.randrange(10**8)}/{position}")
        for endpoint, stash_id, stamp in stash_ids(plan, world, 0.6):
            self.put("scene_stash_ids", number, endpoint, stash_id, stamp)
        for performer in performers:
            if rng.random() > 0.05:
                self.put("performers_scenes", performer, number)
        for tag in tags:
            if rng.random() > 0.1:
                self.put("scenes_tags", number, tag)
        if rng.random() < 0.15:
            self.put(
                "groups_scenes",
                rng.randint(1, plan.counts["groups"]),
                number,
                rng.choice((None, rng.randint(0, 12))),
            )
        if played:
            for _ in range(rng.randint(1, 5)):
                self.put("scenes_view_dates", number, utc_text(plan.moment()))
        if rng.random() < 0.15:
            for _ in range(rng.randint(1, 3)):
                self.put("scenes_o_dates", number, utc_text(plan.moment()))

    def markers(self) -> None:
        rng = self.plan.rng
        for number in range(1, self.plan.counts["markers"] + 1):
            scene, seconds = rng.randint(1, self.plan.counts["scenes"]), round(rng.uniform(0, 1800), 2)
            created, updated = self.plan.times()
            self.put(
                "scene_markers",
                number,
                rng.choice(("", invented.phrase(rng), f"marker {number}")),
                seconds,
                rng.randint(1, self.plan.counts["tags"]),
                scene,
                created,
                updated,
                round(seconds + rng.uniform(1, 90), 2) if rng.random() < 0.3 else None,
            )
            for tag in {rng.randint(1, self.plan.counts["tags"]) for _ in range(rng.choice((0, 1, 2)))}:
                self.put("scene_markers_tags", number, tag)


_COLUMNS = {
    "scenes": "id, title, details, date, date_precision, rating, studio_id, organized, created_at,"
    " updated_at, code, director, resume_time, play_duration, cover_blob",
    "video_files": "file_id, duration, video_codec, format, audio_codec, width, height, frame_rate, bit_rate,"
    " interactive, interactive_speed",
    "video_captions": "file_id, language_code, filename, caption_type",
    "scenes_files": "scene_id, file_id, primary",
    "scene_urls": "scene_id, position, url",
    "scene_stash_ids": "scene_id, endpoint, stash_id, updated_at",
    "performers_scenes": "performer_id, scene_id",
    "scenes_tags": "scene_id, tag_id",
    "groups_scenes": "group_id, scene_id, scene_index",
    "scenes_view_dates": "scene_id, view_date",
    "scenes_o_dates": "scene_id, o_date",
    "scene_markers": "id, title, seconds, primary_tag_id, scene_id, created_at, updated_at, end_seconds",
    "scene_markers_tags": "scene_marker_id, tag_id",
    "images": "id, title, rating, studio_id, o_counter, organized, created_at, updated_at, date,"
    " date_precision, code, photographer, details",
    "image_files": "file_id, format, width, height",
    "images_files": "image_id, file_id, primary",
    "image_urls": "image_id, position, url",
    "images_tags": "image_id, tag_id",
    "performers_images": "performer_id, image_id",
    "galleries": "id, folder_id, title, date, date_precision, details, studio_id, rating, organized,"
    " created_at, updated_at, code, photographer",
    "galleries_files": "gallery_id, file_id, primary",
    "gallery_urls": "gallery_id, position, url",
    "galleries_tags": "gallery_id, tag_id",
    "performers_galleries": "performer_id, gallery_id",
    "scenes_galleries": "scene_id, gallery_id",
    "galleries_images": "gallery_id, image_id, cover",
    "galleries_chapters": "title, image_index, gallery_id, created_at, updated_at",
}


def _write(plan: LibraryPlan, files: _Files, tables: dict[str, list[tuple[Any, ...]]]) -> None:
    files.write()
    for table, rows in tables.items():
        plan.write(table, _COLUMNS[table], rows)


def write_scenes(plan: LibraryPlan) -> None:
    """Scenes with files, markers and history."""
    work = _Scenes(plan)
    for number, slot, world in plan.fill("scenes"):
        work.scene(number, slot, world)
    if plan.counts["scenes"]:
        work.markers()
    _write(plan, work.files, work.tables)


def write_images(plan: LibraryPlan) -> None:
    """Images with files; some are clips, which are video files since v0.21."""
    files, rng = _Files(plan), plan.rng
    tables: dict[str, list[tuple[Any, ...]]] = {}

    def put(table: str, *row: Any) -> None:
        tables.setdefault(table, []).append(row)

    for number in range(1, plan.counts["images"] + 1):
        created, updated = plan.times()
        date, precision = partial_date(rng, 2010, 2025)
        put(
            "images",
            number,
            rng.choice((None, "", invented.phrase(rng))),
            plan.rating(),
            rng.choice((None, rng.randint(1, plan.counts["studios"]))),
            rng.choice((0, 0, 0, 1, 4)),
            int(rng.random() < 0.3),
            created,
            updated,
            date,
            precision,
            rng.choice((None, f"I{number}")),
            rng.choice((None, invented.person(rng))),
            invented.details(rng),
        )
        folder = files.folder(f"/media/pictures/{number // 300:03d}")
        clip = rng.random() < 0.02 and plan.clips
        file_id = files.add(folder, f"picture {number:06d}.{'webm' if clip else 'jpg'}", rng.randrange(10**4, 10**7))
        width, height = rng.choice(_SIZES)
        if clip:
            put("video_files", file_id, 4.5, "vp9", "webm", "", width, height, 30.0, 900000, 0, None)
        else:
            put("image_files", file_id, "jpeg", width, height)
        put("images_files", number, file_id, 1)
        files.fingerprints.append((file_id, "md5", hashlib.md5(f"{plan.seed}/{number}".encode()).hexdigest()))
        if rng.random() < 0.3:
            put("image_urls", number, 0, f"https://pictures.example/{rng.randrange(10**7)}")
        for tag in {rng.randint(1, plan.counts["tags"]) for _ in range(rng.choice((0, 1, 3)))}:
            put("images_tags", number, tag)
        for performer in {rng.randint(1, plan.counts["performers"]) for _ in range(rng.choice((0, 0, 1, 2)))}:
            put("performers_images", performer, number)
    _write(plan, files, tables)


def write_galleries(plan: LibraryPlan) -> None:
    """Galleries of a zip file, of a folder, or of neither, with images and chapters."""
    files, rng = _Files(plan), plan.rng
    tables: dict[str, list[tuple[Any, ...]]] = {}

    def put(table: str, *row: Any) -> None:
        tables.setdefault(table, []).append(row)

    for number in range(1, plan.counts["galleries"] + 1):
        kind = ("zip", "folder", "neither")[number % 3]
        created, updated = plan.times()
        date, precision = partial_date(rng, 2010, 2025)
        folder = files.folder(f"/media/albums/{number:04d}") if kind == "folder" else None
        put(
            "galleries",
            number,
            folder,
            rng.choice((None, invented.phrase(rng))) if kind != "neither" else invented.phrase(rng),
            date,
            precision,
            invented.details(rng),
            rng.choice((None, rng.randint(1, plan.counts["studios"]))),
            plan.rating(),
            int(rng.random() < 0.3),
            created,
            updated,
            rng.choice((None, f"G{number}")),
            rng.choice((None, invented.person(rng))),
        )
        if kind == "zip":
            name = f"album {number:04d}.zip"
            file_id = files.add(files.folder("/media/albums"), name, rng.randrange(10**6, 10**9))
            put("galleries_files", number, file_id, 1)
            files.archive(f"/media/albums/{name}", file_id)
            files.fingerprints.append((file_id, "md5", f"{rng.getrandbits(128):032x}"))
        if rng.random() < 0.4:
            put("gallery_urls", number, 0, f"https://albums.example/{rng.randrange(10**6)}")
        first = rng.randint(1, plan.counts["images"])
        last = min(first + rng.randint(0, 20), plan.counts["images"])
        cover = rng.randint(first, last) if rng.random() < 0.3 else None
        for image in range(first, last + 1):
            put("galleries_images", number, image, int(image == cover))
        for index in range(1, rng.choice((0, 0, 1, 3)) + 1):
            moment = plan.moment()
            stamp = local_text(moment, plan.zone)
            put(
                "galleries_chapters",
                f"Chapter {index}",
                index,
                number,
                stamp,
                local_text(moment + timedelta(days=2), plan.zone),
            )
        for tag in {rng.randint(1, plan.counts["tags"]) for _ in range(rng.choice((0, 1, 3)))}:
            put("galleries_tags", number, tag)
        for performer in {rng.randint(1, plan.counts["performers"]) for _ in range(rng.choice((0, 1, 2)))}:
            put("performers_galleries", performer, number)
        if plan.counts["scenes"] and rng.random() < 0.3:
            put("scenes_galleries", rng.randint(1, plan.counts["scenes"]), number)
    _write(plan, files, tables)
