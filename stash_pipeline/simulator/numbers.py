"""Numbers in free-form values, as Go's JSON has them. Here: reading and answering them. Not here: typed fields."""

import json
from decimal import Decimal
from typing import Any

_EXPONENT_FROM = 1e21


def free_form(value: Any) -> Any:
    """A value as it is answered: a number without a fraction is a whole one, in its shortest digits."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXPONENT_FROM:
        return int(Decimal(repr(value)))
    if isinstance(value, list):
        return [free_form(one) for one in value]
    if isinstance(value, dict):
        return {name: free_form(one) for name, one in value.items()}
    return value


def decoded(text: Any) -> Any:
    """Stored JSON; every number is read as one with a fraction."""
    return free_form(json.loads(text, parse_int=float)) if text else None
