"""Objects elsewhere: pushed, fetched, compared."""
