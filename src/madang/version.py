"""The release of this package. pyproject.toml carries the same string; a test compares them."""

__version__ = "0.1.0"
