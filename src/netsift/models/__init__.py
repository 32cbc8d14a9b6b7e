"""What is learned: the feature matrix, the forest, and the one file that a model is."""
