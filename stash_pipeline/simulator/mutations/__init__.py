"""Mutations, one module per entity.

Contains the mutations and their effect on ``updated_at``. Fields are resolved in ``resolvers``. As on the server, only
a mutation that names an object changes its ``updated_at``; there are no cascades or triggers.
"""
