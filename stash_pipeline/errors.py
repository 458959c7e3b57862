"""The errors that a person who runs this can cause and can mend.

Here: only what every layer may raise. Not here: errors of one layer (a Stash server's answer, a broken
document), which live with the layer, and defects, which keep their traceback.
"""


class UserError(Exception):
    """One sentence that says what is wrong and what to do; shown without a traceback."""
