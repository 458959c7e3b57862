"""Warns of environment variables that look like settings but are none."""

import difflib
import os
from typing import Final

from stash_pipeline.settings import ENV_PREFIX, FILE_SUFFIX, SECRET_SETTINGS, Settings

_OF_INSTANCES: Final = tuple(word + end for word in ("KEY", "AUTH", "PASSWORD", "TOKEN") for end in ("", FILE_SUFFIX))
_MISSPELT_PREFIX: Final = 0.9


def unknown_variables() -> list[str]:
    """A warning for each environment variable that looks like a setting but is not one."""
    variables = [ENV_PREFIX + name.upper() for name in Settings.model_fields]
    variables += [f"{ENV_PREFIX}{name.upper()}{FILE_SUFFIX}" for name in SECRET_SETTINGS]
    sentences = []
    for name in sorted(os.environ):
        upper = name.upper()
        ours = upper.startswith(ENV_PREFIX)
        # a variable with any name can contain the key of an instance
        if upper in variables or (ours and upper.endswith(_OF_INSTANCES)):
            continue
        if ours:
            # without the prefix, which makes all of them alike
            own = [variable.removeprefix(ENV_PREFIX) for variable in variables]
            closest = difflib.get_close_matches(upper.removeprefix(ENV_PREFIX), own, n=1, cutoff=0.6)
            nearest = [ENV_PREFIX + each for each in closest]
        else:
            nearest = difflib.get_close_matches(upper, variables, n=1, cutoff=_MISSPELT_PREFIX)
        if ours or nearest:
            hint = f"; did you mean {nearest[0]}?" if nearest else "; docs/settings.md lists the settings."
            sentences.append(f"The variable {name} is not a setting and was ignored{hint}")
    return sentences
