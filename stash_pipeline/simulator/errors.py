"""Errors that become part of a response.

Contains the errors of resolvers. Errors of syntax and validation are in ``error_messages``.
"""


class AnswerError(Exception):
    """A field cannot be resolved; the text is the message of the GraphQL error.

    `row` is the index of the failing row if the field is loaded for many rows. `argument` is the path of the value
    that is invalid, below the field.
    """

    def __init__(self, message: str, row: int | None = None, argument: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.row = row
        self.argument = argument
