"""Schema ``stashbox``: what the boxes answered, and what is due to be asked again.

It is read from servers, like ``raw``, and belongs to no instance. What the answers mean for local objects is in layer
``matches``.
"""
