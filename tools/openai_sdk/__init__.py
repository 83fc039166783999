"""Runs the tests that come with OpenAI's Python package against Funland."""
