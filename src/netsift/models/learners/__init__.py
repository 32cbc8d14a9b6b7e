"""Learners: each one file, all with the interface of :mod:`netsift.models.learners.base`."""
