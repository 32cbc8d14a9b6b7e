"""Behaviour detectors: what hosts do over many flows, found without training. One file each."""
