"""Registered models: versions in stages, pointers that are guarded and reviewed, promotion, and all their history."""
