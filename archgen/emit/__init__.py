"""The text of a module: classes and `forward` planned from the trace, filled into the templates, and the file's header."""
