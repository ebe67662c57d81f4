"""Other people's repositories and addresses, as something to read from."""
