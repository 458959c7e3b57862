"""The software-defined assets, one module per layer: what depends on what, and which plain function makes it.

The key of an asset is the name of its table. Work is done in ``warehouse``; these modules stay thin.
"""
