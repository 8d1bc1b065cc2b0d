"""The recipes as docs/recipes.md shows them: `python -m pipeline.inputs.recipe_table` prints the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from pipeline.environment import REPOSITORY
from pipeline.inputs.recipe import Expected, RecipeSettings, recipe_of

FOLDER = REPOSITORY / "conf" / "recipe"


def recipe_table() -> str:
    """Markdown: one row per file, in the order of their names."""
    rows = [f"| `{own.name}` | {own.title} | {_figures(own.expected)} | {own.source} |" for own in _recipes()]
    head = "| recipe | what (by whose account) | accuracy; NFE, TPF, tokens/s | source |"
    return "\n".join([head, "| --- | --- | --- | --- |", *rows]) + "\n"


def _recipes() -> Iterator[RecipeSettings]:
    for file in sorted(FOLDER.glob("*.yaml")):
        tree: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        if (found := recipe_of(tree)) is not None:
            yield found


def _figures(expected: Expected) -> str:
    accuracy = " or ".join(f"{value:g}" for value in expected.accuracy or ()) or "–"  # noqa: RUF001
    named = {"NFE": expected.nfe, "TPF": expected.tpf, "tokens/s": expected.tokens_per_second}
    return "; ".join([accuracy, *(f"{name} {value:g}" for name, value in named.items() if value is not None)])


if __name__ == "__main__":
    print(recipe_table(), end="")
