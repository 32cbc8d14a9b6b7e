"""What one flow cannot show: damped sums over the flows of the same hosts, pairs and services."""
