"""The errors that a user can cause and fix.

Only the error that every layer can raise is here. Errors of one layer (an invalid response of a Stash server, a broken
document) are in that layer; bugs keep their traceback.
"""


class UserError(Exception):
    """One sentence that says what is wrong and what to do, shown without a traceback."""
