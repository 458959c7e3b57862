"""The snapshot lane: a copy of a server's own database, and the documents that GraphQL would have sent of it.

``copy`` gets it, ``database`` opens it and distrusts it, ``catalogue`` and ``media`` say where each field lies in
which version, ``documents`` makes the documents, ``ranges`` and ``workers`` share out the work.
"""
