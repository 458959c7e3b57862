"""The filter syntax of Typesense, as its documentation and release 0.24.1 have it, for the stand-in.

Documentation: "Filter parameters" of ``api/search.html``; ``--filter-by-max-ops`` of ``api/server-configuration.html``.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

Row = dict[str, Any]
Test = Callable[[Row], bool]

MOST_OPERATIONS = 100
_PRECEDENCE = {"&&": 2, "||": 1}
_INTEGER = re.compile(r"-?\d+\Z")
_COMPARATORS = (">=", "<=", ">", "<", "=", "")


class RefusedError(Exception):
    """The server's answer to a request that it refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def parse(text: str, fields: dict[str, Row]) -> Test:
    """The test that a filter stands for.

    Raises:
        RefusedError: as the server refuses a filter.
    """
    if not text.strip():
        return lambda row: True
    tokens = _tokens(text)
    postfix = _postfix(tokens)
    if len(postfix) > MOST_OPERATIONS:
        # release 27 and later; comparisons and operators both count
        raise RefusedError(
            400,
            f"`filter_by` has too many operations. Maximum allowed: {MOST_OPERATIONS}. "
            "Use `--filter-by-max-ops` command line argument to customize this value.",
        )
    return _evaluate(postfix, fields)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    current, quoted, listed = "", False, False
    place = 0
    while place < len(text):
        character = text[place]
        if character == "`":
            quoted = not quoted
        elif not quoted and character in "[]":
            listed = character == "["
        if not quoted and not listed:
            pair = text[place : place + 2]
            if pair in _PRECEDENCE or character in "()":
                if current.strip():
                    found.append(current.strip())
                current = ""
                token = pair if pair in _PRECEDENCE else character
                found.append(token)
                place += len(token)
                continue
        current += character
        place += 1
    if current.strip():
        found.append(current.strip())
    return found


def _postfix(tokens: list[str]) -> list[str]:
    output: list[str] = []
    waiting: list[str] = []
    for token in tokens:
        if token == "(":
            waiting.append(token)
        elif token == ")":
            while waiting and waiting[-1] != "(":
                output.append(waiting.pop())
            if not waiting:
                raise RefusedError(400, "Could not parse the filter query: unbalanced parentheses.")
            waiting.pop()
        elif token in _PRECEDENCE:
            while waiting and waiting[-1] != "(" and _PRECEDENCE[waiting[-1]] >= _PRECEDENCE[token]:
                output.append(waiting.pop())
            waiting.append(token)
        else:
            output.append(token)
    if "(" in waiting:
        raise RefusedError(400, "Could not parse the filter query: unbalanced parentheses.")
    return output + waiting[::-1]


def _evaluate(postfix: list[str], fields: dict[str, Row]) -> Test:
    stack: list[Test] = []
    for token in postfix:
        if token not in _PRECEDENCE:
            stack.append(_comparison(token, fields))
            continue
        if len(stack) < 2:
            raise RefusedError(400, f"Could not parse the filter query: unbalanced `{token}` operands.")
        right, left = stack.pop(), stack.pop()
        stack.append(_both(left, right) if token == "&&" else _either(left, right))
    if len(stack) != 1:
        raise RefusedError(400, "Could not parse the filter query.")
    return stack[0]


def _both(left: Test, right: Test) -> Test:
    return lambda row: left(row) and right(row)


def _either(left: Test, right: Test) -> Test:
    return lambda row: left(row) or right(row)


def _comparison(text: str, fields: dict[str, Row]) -> Test:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon:
        raise RefusedError(400, "Could not parse the filter query.")
    if name == "id":
        return _id(value)
    if name not in fields:
        raise RefusedError(404, f"Could not find a filter field named `{name}` in the schema.")
    if not value:
        raise RefusedError(400, f"Error with filter field `{name}`: Filter value cannot be empty.")
    field = fields[name]
    if not field["index"]:
        return lambda row: False
    kind = field["type"].removesuffix("[]")
    if kind in ("int32", "int64"):
        return _number(name, kind, value)
    return _flag(name, value) if kind == "bool" else _text(name, value)


def _values(value: str) -> list[str]:
    if value.startswith("[") and value.endswith("]"):
        inside = value[1:-1]
        return [part.strip().strip("`") for part in re.findall(r"`[^`]*`|[^,]+", inside) if part.strip()]
    return [value.strip("`")]


def _id(value: str) -> Test:
    if value.startswith("!"):
        raise RefusedError(400, "Not equals filtering is not supported on the `id` field.")
    ids = set(_values(value.removeprefix("=").strip()))
    return lambda row: row["id"] in ids


def _all_of(row: Row, name: str) -> list[Any]:
    value = row.get(name)
    return value if isinstance(value, list) else [] if value is None else [value]


def _number(name: str, kind: str, value: str) -> Test:
    """Negation of numbers came with later releases; a number that does not fit ends some of them."""
    comparator = next(one for one in _COMPARATORS if value.startswith(one))
    rest = value[len(comparator) :].strip()
    invalid = RefusedError(400, f"Error with filter field `{name}`: Numerical field has an invalid comparator.")
    if comparator in ("", "=") and not _INTEGER.match(rest) and not re.match(r"\[[-\d.,\s]*\]\Z", rest):
        raise invalid
    ranges: list[tuple[int, int]] = []
    for part in _values(rest):
        low, between, high = part.partition("..")
        ends = [low, high if between else low]
        if not all(_INTEGER.match(end) and -(2**63) <= int(end) < 2**63 for end in ends):
            raise RefusedError(400, f"Error with filter field `{name}`: Not an {kind}.")
        ranges.append((int(ends[0]), int(ends[1])))
    if comparator in ("", "="):
        return lambda row: any(low <= one <= high for one in _all_of(row, name) for low, high in ranges)
    bound = ranges[0][0]
    tests: dict[str, Callable[[Any], bool]] = {
        ">": lambda one: one > bound,
        ">=": lambda one: one >= bound,
        "<": lambda one: one < bound,
        "<=": lambda one: one <= bound,
    }
    return lambda row: any(map(tests[comparator], _all_of(row, name)))


def _flag(name: str, value: str) -> Test:
    values = _values(value.removeprefix("="))
    if not set(values) <= {"true", "false"}:
        raise RefusedError(400, f"Value of filter field `{name}` must be `true` or `false`.")
    return lambda row: str(row.get(name)).lower() in values


@lru_cache(maxsize=100_000)
def normalised(text: str) -> str:
    """What is compared of a string: case and special characters are dropped."""
    return " ".join(re.sub(r"[^\w\s]|_", "", text.lower()).split())


def _text(name: str, value: str) -> Test:
    negative = value.startswith("!=")
    rest = value[2:] if negative else value.removeprefix("=")
    wanted = {normalised(one) for one in _values(rest.strip())}
    return lambda row: negative != any(normalised(one) in wanted for one in _all_of(row, name))
