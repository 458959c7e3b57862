"""The common part of adding rows."""

from collections.abc import Iterable

from stash_pipeline_tests.mirror.oracle.shapes import Answers, Expected, Json, Row
from stash_pipeline_tests.mirror.oracle.values import moment, partial_date, relative


class Rows:
    """Rows that are built from a server's responses."""

    def __init__(self, answers: Answers, kinds: set[str]) -> None:
        self.answers = answers
        if answers.files_are_embedded and kinds & {"files", "folders"}:
            # they are complete only with all that may hold them
            kinds = kinds | {"scenes", "images", "galleries"}
        self.kinds = kinds
        self.expected = Expected()

    def _path(self, value: str | None) -> str | None:
        return relative(value, self.answers.prefix)

    def _dates(self, entry: Json, name: str) -> Row:
        text = entry.get(name)
        first, precision = partial_date(text)
        return {name: first, f"{name}_text": text, f"{name}_precision": precision}

    def _times(self, entry: Json) -> Row:
        return {name: moment(entry.get(name)) for name in ("created_at", "updated_at")}

    def _plain(self, entry: Json, *names: str) -> Row:
        return {name: entry.get(name) for name in names}

    def _links(self, table: str, owner: str, number: int, column: str, found: Iterable[Json] | None) -> None:
        for other in found or []:
            self.expected.add(table, {owner: number, column: int(other["id"])})

    def _files(self, table: str, owner: str, number: int, found: list[Json] | None) -> None:
        for position, other in enumerate(found or []):
            self.expected.add(table, {owner: number, "file_id": int(other["id"]), "is_primary": position == 0})

    def _urls(self, table: str, owner: str, number: int, urls: list[str]) -> None:
        for position, url in enumerate(urls):
            self.expected.add(table, {owner: number, "position": position, "url": url})

    def _named(self, table: str, owner: str, number: int, aliases: list[str] | None) -> None:
        for alias in aliases or []:
            self.expected.add(table, {owner: number, "alias": alias})

    def _stash_ids(self, table: str, owner: str, number: int, found: list[Json] | None) -> None:
        for one in found or []:
            self.expected.add(
                table,
                {
                    owner: number,
                    "endpoint": one["endpoint"],
                    "stash_id": one["stash_id"],
                    "updated_at": moment(one.get("updated_at")),
                },
            )

    def _instants(self, table: str, column: str, number: int, found: list[str] | None) -> None:
        moments = sorted((moment(text) for text in found or []), key=lambda m: m.microseconds if m else 0)
        for position, at in enumerate(moments):
            self.expected.add(table, {"scene_id": number, "position": position, column: at})
