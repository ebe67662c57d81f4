"""Tracked data of a workspace in DVC's formats: finding, adding, comparing, restoring and moving it."""
