"""JSON that archgen prints: tables of keys, from which the values and their published schema both come."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Schema: TypeAlias = "dict[str, Any]"


class Kind:
    """What a value is: its schema, and how a record's value becomes JSON, which has lists for tuples."""

    def __init__(self, **keywords: Any) -> None:
        self.keywords = keywords

    def schema(self, shared: dict[str, Schema]) -> Schema:
        """Returns the schema; what it refers to by name is added to `shared`."""
        return self.keywords

    def values(self, found: Any) -> Any:
        return list(found) if isinstance(found, tuple) else found


class Listed(Kind):
    """Several of a kind, in their order."""

    def __init__(self, of: Kind) -> None:
        self.of = of

    def schema(self, shared: dict[str, Schema]) -> Schema:
        return {"type": "array", "items": self.of.schema(shared)}

    def values(self, found: Any) -> list[Any]:
        return [self.of.values(one) for one in found]


class ByName(Kind):
    """Several of a kind, by names that a user has given."""

    def __init__(self, of: Kind) -> None:
        self.of = of

    def schema(self, shared: dict[str, Schema]) -> Schema:
        return {"type": "object", "additionalProperties": self.of.schema(shared)}

    def values(self, found: Any) -> dict[str, Any]:
        return {name: self.of.values(one) for name, one in dict(found).items()}


class OrNull(Kind):
    """A value that may be missing, which is None."""

    def __init__(self, of: Kind) -> None:
        self.of = of

    def schema(self, shared: dict[str, Schema]) -> Schema:
        return {"anyOf": [self.of.schema(shared), {"type": "null"}]}

    def values(self, found: Any) -> Any:
        return None if found is None else self.of.values(found)


class Shared(Kind):
    """A kind that stands once in a schema, under its name."""

    def __init__(self, name: str, of: Kind, description: str = "") -> None:
        self.name, self.of, self.description = name, of, description

    def schema(self, shared: dict[str, Schema]) -> Schema:
        if self.name not in shared:
            shared[self.name] = {**_described(self.description), **self.of.schema(shared)}
        return {"$ref": f"#/$defs/{self.name}"}

    def values(self, found: Any) -> Any:
        return self.of.values(found)


class Key:
    """A key of an object.

    of: the attribute of the record that has the value, or what finds it; without it, the attribute is called as the key is.
    optional: whether the key is left out where the value is None.
    """

    def __init__(
        self, name: str, kind: Kind, description: str = "", of: str | Callable[[Any], Any] = "", optional: bool = False
    ) -> None:
        self.name, self.kind, self.description, self.optional = name, kind, description, optional
        self.find: Callable[[Any], Any] = attrgetter(of or name) if isinstance(of, str) else of


class Form(Kind):
    """An object with these keys, in this order, made of a record."""

    def __init__(self, *keys: Key) -> None:
        self.keys = keys

    def schema(self, shared: dict[str, Schema]) -> Schema:
        return {
            "type": "object",
            "required": [key.name for key in self.keys if not key.optional],
            "additionalProperties": False,
            "properties": {key.name: {**_described(key.description), **key.kind.schema(shared)} for key in self.keys},
        }

    def values(self, found: Any) -> dict[str, Any]:
        made = {}
        for key in self.keys:
            value = key.find(found)
            if value is not None or not key.optional:
                made[key.name] = key.kind.values(value)
        return made


def document(title: str, description: str, form: Form) -> Schema:
    """Returns the schema of all that a command prints, as a document of its own."""
    shared: dict[str, Schema] = {}
    body = form.schema(shared)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, "description": description}
    return {**head, **body, **({"$defs": shared} if shared else {})}


def version(number: int) -> Key:
    return Key("schema_version", Kind(const=number), "Raised when a key changes its meaning or goes.", of=lambda _: number)


def _described(description: str) -> Schema:
    return {"description": description} if description else {}


def _whole(least: int) -> Kind:
    return Kind(type="integer", minimum=least)


TEXT, TRUTH, COUNT, POSITIVE, INTEGER = Kind(type="string"), Kind(type="boolean"), _whole(0), _whole(1), Kind(type="integer")
NUMBER = Kind(type="number", minimum=0)
SHAPE = Shared("shape", Listed(POSITIVE))
