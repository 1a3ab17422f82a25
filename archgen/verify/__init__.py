"""The module against the prediction, in a process of its own with torch."""
