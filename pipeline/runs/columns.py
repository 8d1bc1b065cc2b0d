"""Many nested settings that are much alike, as columns: what all share is there once, and so is every other value.

Those with the same keys, in the same order, make up a form:

    {"columns": {"/decoder/name": {"values": ["dawn"]}, "/seed": {"values": [0, 1], "of": [0, 1]}}, "rows": [0, 2]}

`rows`: their places among all. A column is named by a JSON Pointer (RFC 6901); `of` says which of its values each row
has, where there are several. An empty mapping is a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Form = Mapping[str, Any]


def to_columns(trees: Iterable[Mapping[str, Any]]) -> list[Form]:
    """`trees`: as JSON can hold them."""
    forms: dict[tuple[str, ...], tuple[list[int], list[list[Any]]]] = {}
    for place, tree in enumerate(trees):
        leaves = dict(_leaves(tree, ""))
        rows, values = forms.setdefault(tuple(leaves), ([], []))
        rows.append(place)
        values.append(list(leaves.values()))
    return [
        {
            "columns": {
                name: to_column(own) for name, own in zip(names, zip(*values, strict=True), strict=True)
            },
            "rows": rows,
        }
        for names, (rows, values) in forms.items()
    ]


def from_columns(forms: Any) -> list[dict[str, Any]]:
    """The trees, in order. Raises ValueError for what `to_columns` doesn't make."""
    try:
        rows = sorted((row for form in forms for row in _rows(form)), key=lambda row: row[0])
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"not columns ({type(error).__name__}: {error})") from None
    if [place for place, _ in rows] != list(range(len(rows))):
        raise ValueError("not every row is there once")
    return [tree for _, tree in rows]


def _leaves(tree: Mapping[str, Any], above: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        name = f"{above}/{key.replace('~', '~0').replace('/', '~1')}"
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, name)
        else:
            yield name, value


def to_column(values: Iterable[Any]) -> dict[str, list[Any]]:
    """As a column of a form."""
    places: dict[str, int] = {}
    distinct: list[Any] = []
    of = []
    for value in values:
        spelled = repr(value)  # 1, 1.0 and True are equal, but not alike
        if spelled not in places:
            places[spelled] = len(distinct)
            distinct.append(value)
        of.append(places[spelled])
    return {"values": distinct} if len(distinct) == 1 else {"values": distinct, "of": of}


def _rows(form: Form) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = form["rows"]
    paths = [[_key(part) for part in name.split("/")[1:]] for name in form["columns"]]
    columns = []
    for column in form["columns"].values():
        of = column.get("of", [0] * len(rows))
        columns.append([column["values"][place] for place in of])
    for place, *values in zip(rows, *columns, strict=True):
        tree: dict[str, Any] = {}
        for (*parents, leaf), value in zip(paths, values, strict=True):
            owner = tree
            for key in parents:
                owner = owner.setdefault(key, {})
            owner[leaf] = value
        yield place, tree


def _key(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
