"""Expressions on numbers and on names, and sizes as formulas of the input's: `(H + 1) // 2`, proved for every H."""
