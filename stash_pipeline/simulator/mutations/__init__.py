"""What changes a library, one module per kind.

Here: mutations, and what each of them leaves in updated_at. Not here: answering fields (resolvers).
Nothing bumps updated_at but the mutation that names the object: no cascade, no trigger, as on the server.
"""
