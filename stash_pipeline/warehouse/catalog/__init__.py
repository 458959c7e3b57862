"""Schema ``catalog``: one golden record per cluster of ``matches``, and what it is made of.

The rules are data (:mod:`~stash_pipeline.warehouse.catalog.survivorship`). With the entity specification they make the
golden fields and lists (``shapes``), and from those follow the tables (``tables``), the SQL (``affected``, ``records``,
``lists``), the views and the documentation.
"""
