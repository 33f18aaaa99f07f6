"""The sealed exchange, version 1: `seal` what leaves, `open` what comes, both in numbered steps."""
