"""Errors that become part of a response.

Contains the errors of resolvers. Errors of syntax and validation are in ``wording``.
"""


class AnswerError(Exception):
    """A field cannot be resolved; the text is the message of the GraphQL error.

    `row` is the index of the failing row if the field is loaded for many rows.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row
