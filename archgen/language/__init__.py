"""From a tree to a spec: every key and kind, the names that are allowed, `extends`, and the way back to text."""
