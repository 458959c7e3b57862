"""The search on a Typesense server: one back end of two, chosen by ``STASH_PIPELINE_TYPESENSE_URL``.

Typesense does the filtering, counting and sorting. What a word matches is decided here, as for the other back end, so
that both answer with the same documents. No transaction is to be had there; ``writer.py`` says what order is safe.
"""
