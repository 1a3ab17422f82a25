"""Frozen records at a price that a command-line program can pay.

`dataclasses.dataclass` compiles source text for every class, about 0.6 ms each; archgen has some sixty records and its main
command runs in under a tenth of a second. `Record` reads the annotations once and shares one constructor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self, dataclass_transform
else:

    def dataclass_transform(**_: Any) -> Any:
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Record:
    """An immutable value: fields from the annotations of the class, equality by value, `place` never compared.

    A field named in `uncompared` says where a value was written, not what it is: two records that differ only there are equal.
    """

    fields: ClassVar[tuple[str, ...]] = ()
    defaults: ClassVar[dict[str, Any]] = {}
    uncompared: ClassVar[frozenset[str]] = frozenset({"place"})

    def __init_subclass__(cls) -> None:
        own = [name for name, text in cls.__dict__.get("__annotations__", {}).items() if not str(text).startswith("ClassVar")]
        cls.fields = cls.fields + tuple(name for name in own if name not in cls.fields)
        cls.defaults = cls.defaults | {name: cls.__dict__[name] for name in own if name in cls.__dict__}

    def __init__(self, *values: Any, **named: Any) -> None:
        state = self.__dict__
        if not named and len(values) == len(self.fields):
            state.update(zip(self.fields, values))
            return
        state.update(self.defaults)
        state.update(zip(self.fields, values))
        state.update(named)
        if len(state) != len(self.fields) or len(values) > len(self.fields):
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.fields)}; got {', '.join(state)}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} can't be changed: a record is frozen")

    __delattr__ = __setattr__  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(other, name) == self.__dict__[name] for name in self.fields if name not in self.uncompared)

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[name] for name in self.fields if name not in self.uncompared)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self.__dict__[name]!r}" for name in self.fields if name not in self.uncompared)
        return f"{type(self).__name__}({shown})"

    def replace(self, **changed: Any) -> Self:
        """Returns the same record with some fields changed."""
        if not changed.keys() <= self.__dict__.keys():
            raise TypeError(f"{type(self).__name__} takes {', '.join(self.fields)}; got {', '.join(changed)}")
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(changed)
        return new
