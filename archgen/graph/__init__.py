"""From a spec to steps: blocks found, defaults filled in, each node with the values that it takes."""
