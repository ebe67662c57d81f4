"""`madang exp` and `madang queue`."""
