"""The commands behind ``stash-pipeline``, one module per subject. Heavy imports happen inside them."""
