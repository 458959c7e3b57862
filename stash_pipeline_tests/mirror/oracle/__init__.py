"""What the tables of schema ``stash`` must contain, derived independently from a server's full responses.

Here: rules written by hand from what is known of Stash, value by value, and the comparison with a database.
Nothing of the project's own specification, documents or SQL is used: a mistake there must not be repeated here.
Not here: how the answers are had (answers).
"""

from stash_pipeline_tests.mirror.oracle.comparison import columns_of_schema, describe, mismatches, whole_state
from stash_pipeline_tests.mirror.oracle.relations import count_mismatches, inverse_mismatches
from stash_pipeline_tests.mirror.oracle.shapes import KEYS, Answers, Expected, Json
from stash_pipeline_tests.mirror.oracle.tables import expected_tables
from stash_pipeline_tests.mirror.oracle.values import moment, partial_date, relative, signed

__all__ = [
    "Answers",
    "Expected",
    "Json",
    "KEYS",
    "columns_of_schema",
    "count_mismatches",
    "describe",
    "expected_tables",
    "inverse_mismatches",
    "mismatches",
    "moment",
    "partial_date",
    "relative",
    "signed",
    "whole_state",
]
