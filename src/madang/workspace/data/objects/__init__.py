"""Bytes by their MD5: the cache, the reading of files, and what is known of files that were hashed."""
