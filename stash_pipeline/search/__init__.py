"""Full-text search over the catalog: documents, the query language, and the back ends that hold the index."""
