"""Figures put into texts: `{drop:.1f} points`, and comparisons that are computed: `{drop<1?less:more} than a point`."""

import ast
import operator
import re
from collections.abc import Callable, Mapping

from core.lessons.format import Question

Figure = float | str | bool
Figures = Mapping[str, Figure]
HOLE = re.compile(r"\{([^{}]*)\}")
MARK = re.compile(r"`([^`]*)`|\*([^*]+)\*")
LONGEST = 200  # characters of an expression


def filled(text: str, figures: Figures) -> str:
    """The text with each `{expression}`, `{expression:format}` or `{condition?this:that}` in figures."""
    return HOLE.sub(lambda hole: _hole(hole[1], figures), text)


def _hole(inside: str, figures: Figures) -> str:
    condition, chosen, words = inside.partition("?")
    if chosen:
        yes, parted, no = words.partition(":")
        if not parted:
            raise ValueError(f"text: '{{{inside}}}' lacks a ':', expected {{condition?this:that}}")
        return yes if value(condition, figures) else no
    expression, _, shown = inside.partition(":")
    found = value(expression, figures)
    try:
        return format(found, shown)
    except ValueError:
        raise ValueError(f"text: '{{{inside}}}' cannot show {found!r} as {shown!r}") from None


def plain(text: str) -> str:
    """The text without the marks of formulas and of what is emphasised, for where no type can show them."""
    return MARK.sub(r"\1\2", text)


def names(text: str) -> set[str]:
    """The figures that a text names."""
    parts = [re.split(r"[?:]", inside, maxsplit=1)[0] for inside in HOLE.findall(text)]
    return set().union(*map(named, parts)) if parts else set()


def named(expression: str) -> set[str]:
    """The figures that an expression names."""
    return {node.id for node in ast.walk(_parsed(expression)) if isinstance(node, ast.Name)}


def value(expression: str, figures: Figures) -> Figure:
    """What an expression of figures, numbers, texts, + - * / and comparisons comes to; ValueError for anything else."""
    try:
        return _value(_parsed(expression).body, figures)
    except ZeroDivisionError:
        return float("nan")
    except TypeError:
        raise ValueError(f"text: '{expression}' mixes texts and numbers") from None


def _parsed(expression: str) -> ast.Expression:
    try:
        if len(expression) <= LONGEST:
            return ast.parse(expression.strip(), mode="eval")
    except SyntaxError:
        pass
    raise ValueError(f"text: '{expression[:LONGEST]}' is no expression, expected one such as drop < 1")


def _value(node: ast.expr, figures: Figures) -> Figure:
    for kind, read in READERS.items():
        if isinstance(node, kind):
            return read(node, figures)
    raise ValueError(f"text: '{ast.unparse(node)}' is more than figures, + - * / and comparisons")


def _name(node: ast.Name, figures: Figures) -> Figure:
    if node.id not in figures:
        raise ValueError(f"text: figure {node.id!r} is not measured, the figures are {', '.join(sorted(figures))}")
    return figures[node.id]


def _constant(node: ast.Constant, figures: Figures) -> Figure:
    if isinstance(node.value, int | float | str):
        return node.value
    raise ValueError(f"text: {node.value!r} is no number or text")


def _compare(node: ast.Compare, figures: Figures) -> bool:
    sides = [_value(side, figures) for side in (node.left, *node.comparators)]
    return all(_operation(op)(a, b) for op, a, b in zip(node.ops, sides, sides[1:], strict=False))


def _operation(op: ast.AST) -> Callable:
    if type(op) not in OPERATIONS:
        raise ValueError(f"text: {type(op).__name__} is not known, expected + - * / and comparisons")
    return OPERATIONS[type(op)]


def _both(node: ast.BoolOp, figures: Figures) -> bool:
    join = all if isinstance(node.op, ast.And) else any
    return join(bool(_value(each, figures)) for each in node.values)


def right(question: Question, figures: Figures) -> int:
    """The place of the right choice.

    Of a whole number itself; of an expression: the first where it holds and the second where it does not, the place
    that it counts to, or the choice that reads as the text it comes to.
    """
    found = question.right if isinstance(question.right, int) else value(question.right, figures)
    if isinstance(found, bool):
        place = 0 if found else 1
    elif isinstance(found, str):
        choices = [filled(choice, figures) for choice in question.choices]
        place = choices.index(found) if found in choices else -1
    else:
        place = int(found)
    if not 0 <= place < len(question.choices):
        raise ValueError(f"question '{question.asks}': right comes to {found!r}, which is none of its choices")
    return place


OPERATIONS: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
READERS: dict[type, Callable[[ast.expr, Figures], Figure]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.Compare: _compare,
    ast.BoolOp: _both,
    ast.BinOp: lambda node, f: _operation(node.op)(_value(node.left, f), _value(node.right, f)),
    ast.UnaryOp: lambda node, f: _operation(node.op)(_value(node.operand, f)),
    ast.IfExp: lambda node, f: _value(node.body if _value(node.test, f) else node.orelse, f),
}
