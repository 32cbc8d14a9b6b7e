"""One file for each step, in the order in which they were added; a step that was released is never changed."""
