"""The HTTP surface: one route table, one file per resource, handlers that return bytes."""
