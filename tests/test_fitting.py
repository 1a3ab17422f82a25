"""What a help says of two values that a merge can't put together makes them fit."""

from __future__ import annotations

from pathlib import Path

import pytest

import archgen

HEAD = "name: Net\ninput: [6, 16, 16]\n"


def load(text: str, folder: Path) -> archgen.Network:
    (folder / "net.yaml").write_text(HEAD + text)
    return archgen.load(folder / "net.yaml").checked()


@pytest.mark.parametrize(
    ("layers", "help", "followed"),
    [
        ("r: {residual: {c: {conv: 8, kernel_size: 3, stride: 2}}}",
         "write `shortcut: {project: {conv: 8, kernel_size: 1, stride: 2}}` beside `residual`",
         "r: {residual: {c: {conv: 8, kernel_size: 3, stride: 2}}, shortcut: {project: {conv: 8, kernel_size: 1, stride: 2}}}"),
        ("r: {residual: {c: relu}, shortcut: {d: {conv: 8, kernel_size: 1}}}", "they fit with `conv: 6` in `d`",
         "r: {residual: {c: relu}, shortcut: {d: {conv: 6, kernel_size: 1}}}"),
        ("a: {conv: 8, kernel_size: 3, stride: 2}, b: {conv: 4, kernel_size: 5, from: input}, c: {add, from: [a, b]}",
         "they fit with `conv: 8` and `stride: 2` in `b`",
         "a: {conv: 8, kernel_size: 3, stride: 2}, b: {conv: 8, stride: 2, kernel_size: 5, from: input}, "
         "c: {add, from: [a, b]}"),
        ("a: {max_pool: 3, stride: 2, padding: 1}, b: {concat, from: [a, input]}", "they fit with `stride: 1` in `a`", ""),
        ("a: {avg_pool: 2}, b: [sigmoid, relu], c: {concat, from: [b, input]}", "`{upsample: 2}` behind `b` makes them fit",
         "a: {avg_pool: 2}, b: [sigmoid, relu, {upsample: 2}], c: {concat, from: [b, input]}"),
        ("a: {concat: {b: [{adaptive_avg_pool: 1}, flatten], c: relu}}", "`flatten` behind `c` makes them fit",
         "a: {concat: {b: [{adaptive_avg_pool: 1}, flatten], c: [relu, flatten]}}"),
        ("f: flatten, a: {linear: 4}, b: {add, from: [a, f]}", "`{linear: 4}` behind `f` makes them fit", ""),
        ("a: [{conv: 8, kernel_size: 3}, relu], b: {subtract, from: [a, input]}",
         "`{conv: 8, kernel_size: 1}` makes what enters fit",
         "a: [{conv: 8, kernel_size: 3}, relu], i: {conv: 8, kernel_size: 1, from: input}, b: {subtract, from: [a, i]}"),
    ],
)  # fmt: skip
def test_what_makes_them_fit(layers: str, help: str, followed: str, tmp_path: Path) -> None:
    with pytest.raises(archgen.SpecError) as refused:
        load(f"stem: {{{layers}}}\n", tmp_path)
    assert help in " ".join(str(refused.value).split())
    if followed:
        load(f"stem: {{{followed}}}\n", tmp_path).source()


@pytest.mark.parametrize(
    "text",
    [
        "stem: {a: [{max_pool: 3}, relu], b: {concat, from: [input, a]}}\n",  # some option is wrong: no layer mends it
        "stem: {a: {permute: [0, 2, 3, 1]}, b: {add, from: [a, input]}}\n",
    ],
)
def test_what_no_small_change_makes_fit(text: str, tmp_path: Path) -> None:
    with pytest.raises(archgen.SpecError) as refused:
        load(text, tmp_path)
    assert " fit" not in refused.value.problems[0].help


def test_in_a_block_the_names_of_its_arguments_are_written(tmp_path: Path) -> None:
    """Other calls give other numbers: what helps one of them must not break the next."""
    text = """stages:
  a: {Unit: 8, stride: 2}
  b: {Unit: 16, depth: 3, stride: 2}
blocks:
  Unit:
    args: {channels: int, stride: 1}
    layers:
      added:
        residual: {conv: {conv: channels, kernel_size: 3, stride: stride}}
"""
    with pytest.raises(archgen.SpecError) as refused:
        load(text, tmp_path)
    shortcut = "shortcut: {project: {conv: channels, kernel_size: 1, stride: stride}}"
    assert f"write `{shortcut}` beside `residual`" in " ".join(str(refused.value).split())
    load(f"{text}        {shortcut}\n", tmp_path).source()
