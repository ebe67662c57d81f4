"""What differs between two states of all tracked data."""
