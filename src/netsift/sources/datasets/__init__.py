"""Readers of the public labelled data sets: one file per dialect, all yielding flow batches in netsift's columns."""
