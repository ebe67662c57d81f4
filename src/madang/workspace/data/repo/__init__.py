"""The data repository itself: where it is, its configuration and locks, what it asks of git, what it ignores."""
