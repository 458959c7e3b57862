"""Notifications by Apprise: what people are told of, once per cause, and how it is sent."""
