"""What all parts of the reader share: the problems found so far, and mappings with their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archgen.diagnostics import Note, Place, Problem, Source, SpecError, nearest, quote, suggest
from archgen.language.model import attributes
from archgen.language.names import sizes_of
from archgen.language.vocabulary import SPEC_KEYS
from archgen.syntax import trees
from archgen.syntax.trees import is_empty

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from archgen.language.model import Constant, Layer, Layers, Parameter, Reference, TakenOut, Way


LINES = "write `name: value` lines below its key"
_TEXT = "write a text, in quotes where it has signs of YAML"
MOST_PROBLEMS = 50  # then reading stops: each may search for the nearest name, and only the first are shown

# Keys that people write at the top of a spec, and what stands for them.
_NO_KEYS = {
    **dict.fromkeys(
        ("in_channels", "in_chans", "input_channels", "channels", "input_shape", "input_size", "image_size", "img_size"),
        "`input` lists the channels and then the sizes: `input: [3, 224, 224]`",
    ),
    **dict.fromkeys(
        ("num_classes", "classes", "n_classes"), "an argument of the module stands in `args`: `args: {num_classes: 10}`"
    ),
    **dict.fromkeys(("layers", "backbone", "body", "model"), "the layers of a network stand in `stem`, `stages` and `head`"),
    **dict.fromkeys(("const", "constants", "vars", "variables"), "constants stand in `let`"),
}


class Problems:
    """Reads one file's tree and collects every problem in it. `library` names the blocks that come with archgen.

    taken_out, replaced: what a spec did to the layers of those that it extends, by their names and by the places of the new.
    """

    def __init__(
        self, library: Iterable[str] = (), taken_out: dict[str, TakenOut] | None = None, replaced: Container[Place] = ()
    ) -> None:
        self.taken_out, self.replaced = taken_out or {}, replaced
        self.extending = taken_out is not None
        self.problems: list[Problem] = []
        self.idle: list[
            Problem
        ] = []  # what nobody uses: told only where nothing else is wrong, since a typo leaves much unused
        self.notes: list[Note] = []
        self.library = tuple(library)
        self.blocks: tuple[str, ...] = ()
        self.taken_by: dict[str, set[str]] = {}  # the names of their arguments
        self.meant: set[str | None] = set()  # what the unknown keys of the last mapping were probably meant to be
        self.network = ""
        self.incomplete: list[tuple[trees.Scalar, set[str]]] = []  # ops with the options that they have
        self.earlier: set[str] = set()  # the values that the layer at hand may name
        self.own: Source | None = None  # the file that is read; what it extends has other sources
        self.inside: dict[str, Way] = {}  # of the class at hand: layers inside others, by the names of these
        self.lost: list[tuple[Way, Layer]] = []  # layers that were taken over and reach no output, and where they were

    def problem(self, place: Place, sentence: str, help: str = "") -> None:
        self.problems.append(Problem(place, sentence, help))
        if len(self.problems) == MOST_PROBLEMS:
            raise SpecError(*self.problems)

    def note(self, place: Place, sentence: str, help: str = "") -> None:
        """Says something that is allowed and seldom meant."""
        self.notes.append(Note(place, sentence, help))

    def finish(self) -> None:
        """Raises SpecError if there was a problem; what nobody uses is told later, where the blocks have no fault either."""
        if self.problems:
            raise SpecError(*self.problems)

    def keys(self, tree: trees.Tree, known: tuple[str, ...], what: str, help: str = LINES) -> dict[str, trees.Tree]:
        found = {}
        self.meant = set()
        for key, value in self.mapping(tree, help):
            if key.text in known:
                found[key.text] = value
            else:
                self.meant.add(nearest(key.text, known))
                other = _NO_KEYS.get(key.text, "") if known == SPEC_KEYS else ""
                self.problem(key.place, f"there is no key {quote(key.text)} here", other or suggest(key.text, known, what))
        return found

    def missing(self, place: Place, sentence: str, help: str, *keys: str) -> None:
        """A problem, unless one of the keys stands there misspelt, which is a problem already."""
        if self.meant.isdisjoint(keys):
            self.problem(place, sentence, help)

    def mapping(self, tree: trees.Tree | None, help: str = LINES) -> tuple[tuple[trees.Scalar, trees.Tree], ...]:
        if isinstance(tree, trees.Mapping):
            return tree.entries
        if tree is not None:
            expected = "a mapping of names to values is expected here"
            found = "" if is_empty(tree) else f", not {shape_of(tree)}"
            self.problem(tree.place, expected + found, help)
        return ()

    def text(self, tree: trees.Tree | None) -> str:
        if tree is None:
            return ""
        if not isinstance(tree, trees.Scalar):
            self.problem(tree.place, f"a text is expected here, not {shape_of(tree)}", _TEXT)
            return ""
        return tree.text

    def unique(
        self,
        layers: Layers,
        parameters: tuple[Parameter, ...],
        constants: tuple[Constant, ...],
        inputs: tuple[Reference, ...] = (),
    ) -> None:
        """No two arguments and no two attributes of a class share a name, whatever the case of its letters.

        inputs: the values that enter, whose names stand beside those of layers, and whose sizes beside the arguments.
        """
        named: tuple[Parameter | Constant, ...] = (*parameters, *constants)
        sizes = [(name, one.place) for one in inputs[1:] for name in sizes_of(one.name)]
        self.distinct([*sizes, *((item.name, item.place) for item in named)])
        self.distinct([*((one.name, one.place) for one in inputs), *attributes(layers)])

    def distinct(self, named: Iterable[tuple[str, Place]]) -> None:
        seen: dict[str, tuple[str, Place]] = {}
        for name, place in named:
            folded = name.casefold()
            if folded in seen:
                first, where = seen[folded]
                kind = "used twice" if first == name else f"too like {quote(first)}"
                self.problem(
                    place,
                    f"the name {quote(name)} is {kind}; the other is at {where.seen_from(place)}",
                    "give it another name",
                )
            else:
                seen[folded] = (name, place)


def shape_of(tree: trees.Tree) -> str:
    if isinstance(tree, trees.Mapping):
        return "a mapping"
    return "a list" if isinstance(tree, trees.Sequence) else quote(tree.text) if tree.text else "nothing"
