"""What another store knows of versions, models and pointers, taken in without undoing what was done here."""
