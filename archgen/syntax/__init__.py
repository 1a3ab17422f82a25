"""Text to a tree: YAML with the place of every value, and nothing that YAML can do beyond that."""
