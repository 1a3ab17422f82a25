"""The shape rules run over the steps: on numbers, on the names of arguments, and on sizes for every input."""
