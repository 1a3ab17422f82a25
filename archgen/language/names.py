"""Which names a spec may give: they become attributes, arguments and classes of a Python module; and those made up beside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archgen.ops.value import CALLED, CHANNELS, size_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


LONGEST = 48
NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*_?", re.ASCII)
CLASS = re.compile(r"[A-Z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*", re.ASCII)

# `dir(torch.nn.Module())` of torch 2.13 without the double underscores: an attribute of that name would break the module.
MODULE_ATTRIBUTES = frozenset(
    """
    T_destination _apply _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_backward_hooks _get_backward_pre_hooks _get_name _is_full_backward_hook _load_from_state_dict
    _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook _modules
    _named_members _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook
    _register_state_dict_hook _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks
    _state_dict_pre_hooks _version _wrapped_call_impl add_module apply bfloat16 buffers call_super_init children
    compile cpu cuda double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
    parameters register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty
    train training type xpu zero_grad
    """.split()
)

# What `torch.nn.Sequential` has beside: a child can't be called so.
SEQUENTIAL_ATTRIBUTES = frozenset("_get_item_by_idx append extend insert pop".split())

# The keywords of Python 3.10 to 3.14, soft ones included.
KEYWORDS = frozenset(
    """
    False None True and as assert async await break case class continue def del elif else except finally for from
    global if import in is lambda match nonlocal not or pass raise return try while with yield
    """.split()
)

# What the generated module itself uses: its imports, builtins and variables.
MODULE_NAMES = frozenset(
    """
    torch nn Tensor math partial self super range len tuple int float bool list x F Callable ValueError make_divisible crop_to
    pad_to
    """.split()
)

# What an expression already means.
LANGUAGE_NAMES = frozenset("in_channels index block_index block_count input min max round ceil floor true false".split())

# What the constructor of a generated class uses beside its arguments: the sizes of its input, and what it counts blocks with.
CONSTRUCTOR_NAMES = frozenset({*CALLED.values(), "i"})

DEVICES = frozenset("con prn aux nul".split()) | {f"{name}{number}" for name in ("com", "lpt") for number in range(10)}


NO_NAME, NO_CLASS = "is no name for Python code", "is no name of a class"
_RULES = {
    NO_NAME: "a name is a letter, then ASCII letters, digits and single underscores",
    NO_CLASS: "the name of a class is a capital, then letters and digits: `ResNet18`",
}


def rule(reason: str) -> str:
    """Returns the help for a reason."""
    return _RULES.get(reason, "give it another name")


def why_no_attribute(name: str) -> str:
    """Returns the reason why a layer can't have this name, or ''."""
    if name == "input":
        return "already names the value that enters"
    if name in ("true", "false"):
        return "is a truth value"
    if name in MODULE_ATTRIBUTES:
        return "is an attribute of every `torch.nn.Module`"
    return _why_no_identifier(name)


def why_no_input(name: str) -> str:
    """Returns the reason why a value that enters a block can't have this name, or ''."""
    return "" if name == "x" else why_no_attribute(name)


def why_no_child(name: str) -> str:
    """Returns the reason why a named child of a sequence can't have this name, or ''."""
    return "is a method of `torch.nn.Sequential`" if name in SEQUENTIAL_ATTRIBUTES else why_no_attribute(name)


def why_no_argument(name: str) -> str:
    """Returns the reason why an argument or a constant can't have this name, or ''."""
    if name in LANGUAGE_NAMES:
        return "already means something in an expression"
    if name in CONSTRUCTOR_NAMES:
        return "is taken: the generated constructor uses it itself"
    return _why_no_identifier(name)


def why_no_class(name: str) -> str:
    """Returns the reason why a block or a network can't have this name, or ''."""
    if not CLASS.fullmatch(name):
        return NO_CLASS
    return _why_no_identifier(name)


def _why_no_identifier(name: str) -> str:
    if len(name) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if not NAME.fullmatch(name):
        return NO_NAME
    if name in KEYWORDS:
        return "is a keyword of Python"
    if name in MODULE_NAMES:
        return "is taken: the generated module uses it itself"
    return ""


def sizes_of(value: str) -> tuple[str, ...]:
    """How a constructor calls the sizes of a value that enters beside the first: its channels, and those of each axis."""
    return tuple(size_name(size, value) for size in (CHANNELS, *CALLED.values()))


class Scope:
    """The names of one scope: those that are taken, and free ones for what archgen makes up beside them.

    Whatever a spec does not name itself, a flag, a list or a variable of the generated code, gets its name here. The order of
    the requests decides, so the same spec gives the same names.
    """

    def __init__(self, *taken: Iterable[str]) -> None:
        self.taken = set(KEYWORDS).union(MODULE_NAMES, *taken)
        self.lowest: dict[str, int] = {}  # of a name with a number: below it none is free

    def free(self, *wanted: str, beside: Container[str] = ()) -> str:
        """Returns the first of the wanted names that is free and not in `beside`, else the last with the lowest number.

        A name that is in `beside` no more must be told (`again`): lower numbers are not tried twice.
        """
        for name in wanted:
            if name not in self.taken and name not in beside:
                return name
        number = self.lowest.get(wanted[-1], 2)
        while (numbered := f"{wanted[-1]}_{number}") in self.taken or numbered in beside:
            number += 1
        self.lowest[wanted[-1]] = number
        return numbered

    def again(self, name: str) -> None:
        """Makes a name free that was beside the taken ones."""
        start, _, number = name.rpartition("_")
        if start in self.lowest and number.isdecimal():
            self.lowest[start] = min(self.lowest[start], int(number))

    def take(self, *wanted: str) -> str:
        """The same, and no later request gets it."""
        name = self.free(*wanted)
        self.taken.add(name)
        return name
