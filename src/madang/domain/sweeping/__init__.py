"""Searches for hyperparameters: their configuration, the space, when to stop, and what was found."""
