"""SDK for health systems: ask a node, open and verify its sealed answer. Needs httpx and `keys` only."""
