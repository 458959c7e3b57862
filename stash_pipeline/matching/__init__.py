"""Which objects are the same thing: the rules and algorithms of record linkage, as pure functions.

Here belong comparison functions, match rules and clustering. They know numpy and nothing else: no Postgres, no Dagster
and no server. Who reads the objects and stores the links is another package.
"""
