"""Experiments: variants of a commit, kept in the refs of git where DVC keeps them."""
