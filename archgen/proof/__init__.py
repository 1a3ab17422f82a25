"""Whether that text is what it must be, from its bytes: its syntax, the layers it builds, the flow, what it overwrites."""
