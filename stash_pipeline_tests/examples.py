"""How many examples the property tests try: all of them, or with ``--hypothesis-profile=quick`` a quarter.

``make test`` is quick. ``make test-integration`` runs the property tests with all examples, and so does pytest itself.
"""

from typing import Final

from hypothesis import settings

COMPLETE: Final = 100
"""The examples of a property test that does not say how many; those of the others are relative to it."""
QUICK: Final = 25


def register_profiles() -> None:
    """Registers the profiles and loads the complete one; the option of pytest replaces it before the collection."""
    # no test asserts how long something takes; where CI is set, hypothesis has other defaults
    settings.register_profile("complete", settings.default, max_examples=COMPLETE, deadline=None)
    settings.register_profile("quick", settings.default, max_examples=QUICK, deadline=None)
    settings.load_profile("complete")


def examples(complete: int) -> int:
    """The number of examples in this profile.

    Args:
        complete: the number in the complete profile.
    """
    return max(1, complete * settings().max_examples // COMPLETE)
