"""Resolvers: the values of all fields, one module per entity.

Contains loaders, each of which loads one field for many rows. Rows are selected and sorted in ``finding``, and changed
in ``mutations``.
"""
