"""Detectors: flow batch in, scores out; one file each."""
