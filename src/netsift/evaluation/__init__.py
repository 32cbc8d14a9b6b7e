"""How good a model is on traffic it did not learn from: splits, metrics, importance and plots."""
