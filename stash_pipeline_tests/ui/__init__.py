"""The running web interface: its GraphQL API, and its pages in a browser."""
