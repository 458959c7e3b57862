"""The parts that layers share: following, versions, watermarks."""
