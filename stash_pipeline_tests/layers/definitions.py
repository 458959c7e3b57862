"""The definitions with the sample layers, as Dagster's processes load them."""

from stash_pipeline.definitions import build_defs
from stash_pipeline.settings import get_settings
from stash_pipeline_tests.layers.sample import SAMPLE

MODULE = __name__

defs = build_defs(get_settings(), layers=SAMPLE, settings_of_runs=get_settings)
