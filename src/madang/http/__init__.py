"""What every HTTP edge shares: the route table, path decoding, limits, the error table, user content."""
