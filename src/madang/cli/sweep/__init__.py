"""`madang sweep` and `madang agent`."""
