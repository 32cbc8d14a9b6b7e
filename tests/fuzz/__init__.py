"""Mutated captures against the reader: seeds, damage, and what must hold however a capture is damaged.

``python -m tests.fuzz --count N --seed S`` runs N cases and stops at the first failure with the seed that repeats it.
"""
