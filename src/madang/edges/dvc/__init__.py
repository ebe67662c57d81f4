"""A hub as a remote of data, for stock dvc over HTTP and for madang in few requests (docs/formats/hub-data.md)."""
