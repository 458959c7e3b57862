"""The snapshot lane: reads a snapshot of a server's own database into the same documents as GraphQL responses.

``download`` downloads it, ``database`` opens it as untrusted input, ``mapping``, ``catalogue`` and ``media`` define
where each version has each field, ``documents`` builds the documents, ``ranges`` and ``reader_pool`` distribute the
work.
"""
