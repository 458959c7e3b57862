"""Data files of the simulator: each leads from the tables of one release to those of the release before."""
