"""The commands of ``stash-pipeline``, one module per subject. Heavy imports are inside the functions."""
