"""Measures Funland against the loops and servers that it stands on or beside."""
