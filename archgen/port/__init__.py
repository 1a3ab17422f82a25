"""A spec beside a model that somebody wrote by hand: size, weights and outputs, in a process with torch and the user's code."""
