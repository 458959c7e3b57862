"""Errors that become part of an answer.

Here: errors of resolvers. Not here: errors of syntax and validation (wording).
"""


class AnswerError(Exception):
    """The server's reason for not answering a field; its text is the message of the GraphQL error.

    `row` is the index of the row that is to blame, when a field is loaded for many.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row
