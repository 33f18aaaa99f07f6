"""Members with their keys and endpoints, and the node's own register of organisations, people and rights."""
