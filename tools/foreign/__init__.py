"""Runs other people's clients, and their own tests, against Funland."""
