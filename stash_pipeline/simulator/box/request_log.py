"""The requests that a box has received.

Contains what tests count: operations, groups of fingerprints, aliases, headers. Keys are not kept.
"""

import threading
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, ListValueNode, VariableNode

_SECRET = {"apikey", "authorization", "cookie"}


@dataclass(frozen=True)
class BoxRequest:
    """One request that a box has received.

    Attributes:
        operations: the distinct names of the fields, in their order: ("findScene", "findTag").
        aliases: how many fields there are: 25 if 25 aliases ask for a scene each.
        groups: how many groups of fingerprints a lookup has. fingerprints: how many there are in them.
        phashes: how many of these are perceptual hashes.
        headers: the headers with names in lower case, without those that hold a secret.
        with_key: whether there was a key, right or wrong.
        status: the status of the response.
    """

    operations: tuple[str, ...]
    aliases: int
    groups: int
    fingerprints: int
    phashes: int
    mutation: bool
    headers: dict[str, str] = field(repr=False)
    with_key: bool
    status: int


class RequestLog:
    """The requests to a box, oldest first; several threads may add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[BoxRequest] = []

    def add(self, request: BoxRequest) -> None:
        """Adds a request."""
        with self._lock:
            self._requests.append(request)

    def all(self) -> list[BoxRequest]:
        """All requests so far."""
        with self._lock:
            return list(self._requests)

    def of(self, operation: str) -> list[BoxRequest]:
        """The requests with a field of this name."""
        return [request for request in self.all() if operation in request.operations]

    def mutations(self) -> list[BoxRequest]:
        """The requests that wanted to change the box. A mirror must send none."""
        return [request for request in self.all() if request.mutation]

    def clear(self) -> None:
        """Forgets all requests."""
        with self._lock:
            self._requests.clear()


def logged(fields: list[FieldNode], mutation: bool, variables: Any, headers: dict[str, str], status: int) -> BoxRequest:
    """What is kept of a request."""
    groups = [group for field in fields for group in _groups(field, variables)]
    sent = [algorithm for group in groups for algorithm in group]
    return BoxRequest(
        operations=tuple(dict.fromkeys(field.name.value for field in fields)),
        aliases=len(fields),
        groups=len(groups),
        fingerprints=len(sent),
        phashes=sum(algorithm == "PHASH" for algorithm in sent),
        mutation=mutation,
        headers={name: value for name, value in headers.items() if name not in _SECRET},
        with_key="apikey" in headers or "authorization" in headers,
        status=status,
    )


def _groups(field: FieldNode, variables: Any) -> list[list[str]]:
    """The algorithms of the fingerprints of a lookup, by group."""
    if field.name.value != "findScenesBySceneFingerprints" or not field.arguments:
        return []
    node = field.arguments[0].value
    if isinstance(node, VariableNode):
        value = (variables or {}).get(node.name.value)
        if not isinstance(value, list):
            return []
        return [[str(f.get("algorithm")) for f in group if isinstance(f, dict)] for group in value if group is not None]
    if not isinstance(node, ListValueNode):
        return []
    return [[_algorithm(f) for f in group.values] if isinstance(group, ListValueNode) else [] for group in node.values]


def _algorithm(fingerprint: Any) -> str:
    fields = {field.name.value: field.value for field in getattr(fingerprint, "fields", ())}
    return str(getattr(fields.get("algorithm"), "value", ""))
