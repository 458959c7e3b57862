"""Documents of a stash-box in the form in which they are compared. Every field may be missing or null."""

from collections.abc import Iterable, Mapping
from typing import Any

from stash_pipeline.matching.dates import PartialDate, parse_date
from stash_pipeline.matching.names import name_keys, normalise_name
from stash_pipeline.matching.stashbox import UNKNOWN, BoxFingerprint, BoxScene
from stash_pipeline.matching.urls import canonical_url

Document = Mapping[str, Any]

_LARGEST = 1 << 64


def parse_scene(document: Document) -> BoxScene:
    """A scene; its fingerprints in the order of their values."""
    return BoxScene(
        id=str(document["id"]),
        fingerprints=tuple(parse_fingerprints(document)),
        title=normalise_name(document.get("title") or ""),
        date=_date(document),
        code=normalise_name(document.get("code") or ""),
        duration=_milliseconds(document.get("duration")),
        studios=frozenset(_studios(document.get("studio"))),
        performers=frozenset(_performers(document.get("performers"))),
        urls=frozenset(_urls(document.get("urls"))),
    )


def parse_fingerprints(document: Document) -> list[BoxFingerprint]:
    """The usable hashes of a scene: those of 64 bits that are not zero, each once."""
    parsed: dict[tuple[str, int], BoxFingerprint] = {}
    for each in document.get("fingerprints") or ():
        algorithm, value = str(each.get("algorithm") or "").upper(), parse_hash(each.get("hash"))
        if algorithm in ("OSHASH", "PHASH") and value:
            parsed[algorithm, value] = BoxFingerprint(
                algorithm,
                value,
                _milliseconds(each.get("duration")),
                _count(each.get("submissions"), 1),
                _count(each.get("reports"), 0),
            )
    return [parsed[key] for key in sorted(parsed)]


def parse_hash(text: Any) -> int | None:
    """A hash of up to 16 hexadecimal digits, with or without leading zeros; None for anything else."""
    if not isinstance(text, str) or not 0 < len(text) <= 16:
        return None
    try:
        value = int(text, 16)
    except ValueError:
        return None
    return value if 0 <= value < _LARGEST else None


def _count(value: Any, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default


def _milliseconds(seconds: Any) -> int:
    return round(seconds * 1000) if isinstance(seconds, int | float) and seconds > 0 else UNKNOWN


def _date(document: Document) -> PartialDate | None:
    # the deprecated field pads what is unknown with 01
    return parse_date(document.get("release_date") or document.get("date"))


def _studios(studio: Document | None) -> Iterable[str]:
    while studio:
        yield from name_keys(studio.get("name") or "", studio.get("aliases") or ())
        studio = studio.get("parent")


def _performers(appearances: Iterable[Document] | None) -> Iterable[str]:
    for appearance in appearances or ():
        performer = appearance.get("performer") or {}
        names = [appearance.get("as") or "", *(performer.get("aliases") or ())]
        yield from name_keys(performer.get("name") or "", names)


def _urls(urls: Iterable[Document] | None) -> Iterable[str]:
    for each in urls or ():
        url = canonical_url(each.get("url") or "")
        if url and not url.generic:
            yield str(url)
