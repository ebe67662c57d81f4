"""What is tracked: the records of the work tree and of commits, and what a name of the user's means."""
