"""Where an index on a server lies."""

from urllib.parse import urlsplit


def place_of(url: str, prefix: str) -> str:
    """The server and the prefix, without anything that could be a secret."""
    parts = urlsplit(url)
    return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')} {prefix}"
