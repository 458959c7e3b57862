"""Where the value of every field comes from, one module per kind.

Here: loaders, each answering one field for many rows. Not here: choosing and sorting rows (finding),
and changing them (mutations).
"""
