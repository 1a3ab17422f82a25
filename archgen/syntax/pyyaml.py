"""PyYAML's scanner and parser, without the rest of its package.

Its reader, constructors, resolvers, emitter and libyaml are for what no spec is read with, and they take as long to import as a
sixth of `archgen shapes`.
"""

from importlib.util import find_spec

_found = find_spec("yaml")
assert _found is not None
__path__ = _found.submodule_search_locations  # so this module is a package too, and the files in it are PyYAML's
