"""Exchanges with the older APIs: what is asked of a running service, and what it answers."""
