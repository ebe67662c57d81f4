"""Data that comes from elsewhere: listed, copied, imported, updated."""
