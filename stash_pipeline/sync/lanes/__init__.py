"""The lanes, which are the ways to read a server: by GraphQL, or from a snapshot of its database."""
