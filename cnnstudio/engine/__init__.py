"""Training, probing and evaluating a network."""
