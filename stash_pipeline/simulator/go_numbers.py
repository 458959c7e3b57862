"""Numbers in JSON values of any form, as Go reads and writes them. Typed fields are not affected."""

import json
from decimal import Decimal
from typing import Any

_EXPONENT_FROM = 1e21


def free_form(value: Any) -> Any:
    """A value as the server returns it: whole numbers have no fraction, and their shortest digits."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXPONENT_FROM:
        return int(Decimal(repr(value)))
    if isinstance(value, list):
        return [free_form(element) for element in value]
    if isinstance(value, dict):
        return {name: free_form(member) for name, member in value.items()}
    return value


def decoded(text: Any) -> Any:
    """Stored JSON; every number is read as a floating-point number."""
    return free_form(json.loads(text, parse_int=float)) if text else None
