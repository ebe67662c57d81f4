"""What is needed and by whom: garbage collection, checks, repairs, explanations."""
