"""The rows of files and folders, queried or embedded."""

from stash_pipeline_tests.mirror.oracle.rows import Rows
from stash_pipeline_tests.mirror.oracle.shapes import Json
from stash_pipeline_tests.mirror.oracle.values import moment, reference, signed


class FileRows(Rows):
    """Makes them."""

    def _file(self, o: Json, kind: str) -> None:
        number = int(o["id"])
        self.expected.add(
            "files",
            {
                "id": number,
                "type": kind,
                **self._plain(
                    o, "path", "basename", "size", "format", "width", "height", "duration", "video_codec",
                    "audio_codec", "frame_rate", "bit_rate",
                ),
                "mod_time": moment(o["mod_time"]),
                **self._times(o),
                "parent_folder_id": reference(o, "parent_folder"),
                "zip_file_id": reference(o, "zip_file"),
            },
        )  # fmt: skip
        for one in o["fingerprints"]:
            value = one["value"].lower().zfill(16) if one["type"] == "phash" else one["value"]
            self.expected.add(
                "file_fingerprints",
                {
                    "file_id": number,
                    "type": one["type"],
                    "value": value,
                    "phash": signed(value) if one["type"] == "phash" else None,
                },
            )

    def _folder(self, o: Json) -> None:
        self.expected.add(
            "folders",
            {
                "id": int(o["id"]),
                "path": o["path"],
                "mod_time": moment(o["mod_time"]),
                **self._times(o),
                "parent_folder_id": reference(o, "parent_folder"),
                "zip_file_id": reference(o, "zip_file"),
            },
        )

    def _embedded_files(self) -> None:
        folders: dict[int, str] = {}
        for owner, kind in (("scenes", "VideoFile"), ("images", "ImageFile"), ("galleries", "BasicFile")):
            if owner not in self.kinds:
                continue
            for entry in self.answers.objects[owner]:
                for one in entry["visual_files"] if "visual_files" in entry else entry["files"]:
                    self._file(one, one.get("__typename", kind))
                    assert one["path"].endswith(one["basename"]), f"an unexpected path {one['path']!r}"
                    directory = one["path"].removesuffix(one["basename"])
                    # a root, or a drive without one, is its own path
                    whole = directory == "/" or directory[1:] in (":\\", ":")
                    folders[int(one["parent_folder_id"])] = directory if whole else directory[:-1]
                if entry.get("folder"):
                    self._folder(entry["folder"])
        for number, path in folders.items():
            nothing = dict.fromkeys(("mod_time", "created_at", "updated_at", "parent_folder_id", "zip_file_id"))
            self.expected.add("folders", {"id": number, "path": path, **nothing})
