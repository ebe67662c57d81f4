"""`madang models`."""
