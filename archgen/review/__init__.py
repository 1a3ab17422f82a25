"""What a change of a spec does: two versions aligned, then what it means for weights, callers, the function and the cost."""
