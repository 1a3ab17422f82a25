"""What follows from a trace, as values: the report, memory, the inputs that fit, receptive fields, assertions."""
