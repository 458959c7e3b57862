"""Notifications by Apprise: what people are notified of, once per cause, and how it is sent."""
