"""A condition on settings, as `where=` takes it: "task == 'gsm8k' and axon.anchors in [1, 2]".

Names, literals, comparisons, and, or, not: nothing is called, so that a condition can't do anything but compare.
"""

from __future__ import annotations

import ast
import difflib
import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import ConfigError

Row = Mapping[str, Any]  # a setting's values by dotted key

ORDERS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
WORDS = {"true": True, "false": False, "null": None}  # as in the config
EXAMPLE = "task == 'gsm8k' and axon.anchors in [1, 2]"
SHOWN = 12  # columns that an error names


@dataclass(frozen=True)
class Condition:
    """`holds(row)` for a setting's values. A key that a setting lacks is null, and is in no order with anything."""

    text: str
    tree: ast.expr
    keys: Mapping[str, str]  # what the condition calls a column -> its key

    def holds(self, row: Row) -> bool:
        """Raises ConfigError, one line, where a number is put in order with a text."""
        return bool(self._value(self.tree, row))

    def _value(self, node: ast.expr, row: Row) -> Any:
        match node:
            case ast.BoolOp(op=op, values=parts):
                return (all if isinstance(op, ast.And) else any)(self._value(part, row) for part in parts)
            case ast.UnaryOp(operand=operand):
                value = self._value(operand, row)
                return not value if isinstance(node.op, ast.Not) else -value
            case ast.Compare():
                return self._compared(node, row)
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                return [self._value(part, row) for part in parts]
            case ast.Constant(value=value):
                return value
        name = _name(node)
        return WORDS[name] if name in WORDS else row.get(self.keys[name])

    def _compared(self, node: ast.Compare, row: Row) -> bool:
        left = self._value(node.left, row)
        for op, part in zip(node.ops, node.comparators, strict=True):
            right = self._value(part, row)
            if not self._pair(left, op, right):
                return False
            left = right
        return True

    def _pair(self, left: Any, op: ast.cmpop, right: Any) -> bool:
        match op:
            case ast.Eq():
                return bool(_plain(left) == _plain(right))
            case ast.NotEq():
                return bool(_plain(left) != _plain(right))
        try:
            if isinstance(op, ast.In | ast.NotIn):
                return _holds(right, left) == isinstance(op, ast.In)
            if left is None or right is None:
                return False
            return ORDERS[type(op)](left, right)
        except TypeError:
            line = f"where={self.text}: {left!r} and {right!r} can't be compared so; compare numbers with numbers"
            raise ConfigError([line]) from None


def read_condition(text: str, columns: Collection[str]) -> Condition:
    """The condition; a column may be called by the last parts of its key where no other ends so.

    Raises ConfigError, one line, for what is no condition, and for a name that is no column.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        line = f'where={text}: can\'t be read; write a condition, such as where="{EXAMPLE}"'
        raise ConfigError([line]) from None
    keys: dict[str, str] = {}
    _check(tree, text, columns, keys)
    return Condition(text, tree, keys)


def _check(node: ast.expr, text: str, columns: Collection[str], keys: dict[str, str]) -> None:
    match node:
        case ast.BoolOp(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            pass
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            parts = [operand]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            parts = []
        case ast.Compare(left=left, ops=ops, comparators=others) if not any(
            isinstance(op, ast.Is | ast.IsNot) for op in ops
        ):
            parts = [left, *others]
        case ast.Constant(value=int() | float() | str() | bool() | None):
            parts = []
        case _ if name := _name(node):
            if name not in WORDS:
                keys[name] = _key(name, text, columns)
            parts = []
        case _:
            rule = "is none of names, values, comparisons, and, or, not"
            raise ConfigError([f'where={text}: {ast.unparse(node)} {rule}; write such as where="{EXAMPLE}"'])
    for part in parts:
        _check(part, text, columns, keys)


def _key(name: str, text: str, columns: Collection[str]) -> str:
    """The column that the name means."""
    if name in columns:
        return name
    ending = [column for column in columns if column.endswith(f".{name}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise ConfigError([f"where={text}: {name} may be {', '.join(ending)}; write one of them"])
    last = {column.rpartition(".")[2]: column for column in columns}
    near = difflib.get_close_matches(name, [*columns, *last], n=3)
    hint = f"did you mean {' or '.join(dict.fromkeys(last.get(own, own) for own in near))}? " if near else ""
    first = ", ".join(list(columns)[:SHOWN])
    more = f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else ""
    raise ConfigError(
        [f"where={text}: {name} is no column; {hint}quote a text ('{name}'); the columns are {first}{more}"]
    )


def _name(node: ast.expr) -> str:
    """`axon.anchors` of a name with dots; empty for anything else."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=owner, attr=last) if parent := _name(owner):
            return f"{parent}.{last}"
    return ""


def _holds(owner: Any, value: Any) -> bool:
    """Whether a list or a text has the value in it; null has none, and a text no null."""
    return False if owner is None or (value is None and isinstance(owner, str)) else value in owner


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
