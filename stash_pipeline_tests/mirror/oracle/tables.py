"""All rows, and the dangling references."""

from collections.abc import Collection

from stash_pipeline_tests.mirror.oracle.catalogue import CatalogueRows
from stash_pipeline_tests.mirror.oracle.files import FileRows
from stash_pipeline_tests.mirror.oracle.media import MediaRows
from stash_pipeline_tests.mirror.oracle.shapes import KINDS, Answers, Expected

COLUMN_REFERENCES = (
    ("studios", "parent_studio_id", "studios", "studios"),
    ("groups", "studio_id", "groups", "studios"),
    ("images", "studio_id", "images", "studios"),
    ("galleries", "studio_id", "galleries", "studios"),
    ("galleries", "folder_id", "galleries", "folders"),
    ("galleries", "cover_id", "galleries", "images"),
    ("scenes", "studio_id", "scenes", "studios"),
    ("scene_markers", "scene_id", "scene_markers", "scenes"),
    ("scene_markers", "primary_tag_id", "scene_markers", "tags"),
    ("folders", "parent_folder_id", "folders", "folders"),
    ("folders", "zip_file_id", "folders", "files"),
    ("files", "parent_folder_id", "files", "folders"),
    ("files", "zip_file_id", "files", "files"),
)

JOIN_REFERENCES = (
    ("tag_parents", ("tag_id", "tags"), "parent_id", "tags"),
    ("studio_tags", ("studio_id", "studios"), "tag_id", "tags"),
    ("performer_tags", ("performer_id", "performers"), "tag_id", "tags"),
    ("group_tags", ("group_id", "groups"), "tag_id", "tags"),
    ("group_containing", ("containing_group_id", "groups"), "group_id", "groups"),
    ("image_files", ("image_id", "images"), "file_id", "files"),
    ("image_tags", ("image_id", "images"), "tag_id", "tags"),
    ("image_performers", ("image_id", "images"), "performer_id", "performers"),
    ("image_galleries", ("image_id", "images"), "gallery_id", "galleries"),
    ("gallery_files", ("gallery_id", "galleries"), "file_id", "files"),
    ("gallery_tags", ("gallery_id", "galleries"), "tag_id", "tags"),
    ("gallery_performers", ("gallery_id", "galleries"), "performer_id", "performers"),
    ("scene_files", ("scene_id", "scenes"), "file_id", "files"),
    ("scene_tags", ("scene_id", "scenes"), "tag_id", "tags"),
    ("scene_performers", ("scene_id", "scenes"), "performer_id", "performers"),
    ("scene_galleries", ("scene_id", "scenes"), "gallery_id", "galleries"),
    ("scene_groups", ("scene_id", "scenes"), "group_id", "groups"),
    ("marker_tags", ("marker_id", "scene_markers"), "tag_id", "tags"),
)


def expected_tables(answers: Answers, kinds: Collection[str] = KINDS) -> Expected:
    """The rows of all tables of schema ``stash`` after a sync of the given entities."""
    return _Builder(answers, set(kinds)).build()


class _Builder(CatalogueRows, MediaRows, FileRows):
    def build(self) -> Expected:
        make = {
            "tags": self._tag, "studios": self._studio, "performers": self._performer, "groups": self._group,
            "images": self._image, "galleries": self._gallery, "scenes": self._scene,
            "scene_markers": self._marker, "saved_filters": self._saved_filter,
            "configuration": self._configuration,
        }  # fmt: skip
        for kind, one in make.items():
            if kind in self.kinds:
                for entry in self.answers.objects.get(kind, []):
                    one(entry)
        if self.answers.files_are_embedded:
            self._embedded_files()
        else:
            if "folders" in self.kinds:
                for entry in self.answers.objects["folders"]:
                    self._folder(entry)
            if "files" in self.kinds:
                for entry in self.answers.objects["files"]:
                    self._file(entry, entry["__typename"])
        self._remove_dangling()
        return self.expected

    def _remove_dangling(self) -> None:
        """A reference to a missing object is not in the tables, but is recorded as dangling."""
        tables = self.expected.tables
        for table, column, owner, target in COLUMN_REFERENCES:
            for (number,), row in tables[table].items():
                other = row[column]
                if other is not None and (other,) not in tables[target]:
                    row[column] = None
                    self.expected.dangling.add((f"{table}.{column}", owner, number, target, other))
        for table, (owner_column, owner), column, target in JOIN_REFERENCES:
            for key, row in list(tables[table].items()):
                if (row[column],) not in tables[target]:
                    del tables[table][key]
                    self.expected.dangling.add((f"{table}.{column}", owner, row[owner_column], target, row[column]))
