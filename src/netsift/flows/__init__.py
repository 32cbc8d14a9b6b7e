"""Flow records: the one table of columns, the meter that fills it, and the ways to write it."""
