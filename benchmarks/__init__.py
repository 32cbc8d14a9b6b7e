"""Measurements beside public tools, and the tables they print."""
