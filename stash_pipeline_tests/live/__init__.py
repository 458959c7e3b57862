"""The warm process."""
