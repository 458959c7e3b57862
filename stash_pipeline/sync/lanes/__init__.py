"""The ways to read a server: by its answers (GraphQL), or by a copy of its database (snapshot)."""
