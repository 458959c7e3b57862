"""The stash-boxes in a server's configuration, with their keys: only on request, and never in a document.

The mirror of the configuration (``entities/system.py``) does not ask for the keys.
"""

from dataclasses import dataclass, field
from typing import Final

from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import InvalidResponseError, StashError, StashHTTPError
from stash_pipeline.stash.selection import cut, parse, render

_SELECTION: Final = "configuration{general{stashBoxes{name max_requests_per_minute endpoint api_key}}}"
_NAME: Final = "configuration"
_SECONDS: Final = 60.0
_LONGEST: Final = 4096


@dataclass(frozen=True)
class ConfiguredBox:
    """One stash-box, as a server uses it; ``requests_per_minute`` is None for the server's default."""

    name: str
    endpoint: str
    api_key: str = field(repr=False)
    requests_per_minute: int | None = None


def configured_boxes(client: StashClient) -> list[ConfiguredBox]:
    """The stash-boxes in a server's configuration.

    Raises:
        StashError: if it cannot be read; the message contains no part of the response.
    """
    schema = client.introspect()
    tree = cut(parse(_SELECTION), schema, schema.query_type, schema.query_type, [])
    if not tree:
        raise StashError(
            f"{client.url} has no stash-boxes in its configuration; register them with `stash-pipeline boxes add`."
        )
    try:
        # sent once: what is logged before a retry shows the beginning of the response
        document = "query StashBoxes {\n" + render(tree, 1) + "\n}\n"
        data = client.execute(document, name=_NAME, timeout=_SECONDS).data
        general = client.part(data, _NAME).get(_NAME).get("general")
        boxes = []
        for box in general.get("stashBoxes").items():
            per_minute = box.object().get("max_requests_per_minute")
            boxes.append(
                ConfiguredBox(
                    box.get("name").text_or_none(_LONGEST) or "",
                    box.get("endpoint").text(_LONGEST),
                    box.get("api_key").text_or_none(_LONGEST) or "",
                    per_minute if type(per_minute) is int and per_minute > 0 else None,
                )
            )
    except (InvalidResponseError, StashHTTPError) as error:
        if isinstance(error, StashHTTPError) and error.status < 500:
            raise
        # its message may show the beginning of the response
        raise StashError(
            f"{client.url} does not send its stash-boxes; try again, or register them with `stash-pipeline boxes add`."
        ) from None
    return boxes
