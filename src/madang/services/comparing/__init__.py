"""What differs between runs, and which difference a metric changed by."""
