"""Differential fuzzing: random specs against torch, broken, damaged and hostile ones against the refusals."""
