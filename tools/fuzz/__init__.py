"""Feeds the service what nobody should."""
