"""The command line: arguments in, one call of the library, a report out, the exit code.

0: all is well. 1: a generated file or a module differs from its spec. 2: the spec, or the command line, is refused.
3: the machine is to blame (no torch, no permission, a full disk). 70: a bug of archgen.

Each command imports what it needs when it runs: `shapes` is to answer before a reader has looked up.
"""

from archgen.cli.run import main

__all__ = ["main"]
