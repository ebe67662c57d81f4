"""madang's own HTTP API (docs/formats/native-api.md)."""
