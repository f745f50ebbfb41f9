"""Functions take what they use: one connection's services, or the one member of them they need."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOLDERS = {"Services", "StackServices", "RecordStack", "Stack", "OpenedStack"}
"""The objects with many members."""
CONNECTIONS = {"Connection", "ConnectionId"}


def functions_of(source: str) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))


def parameters(function: ast.FunctionDef, of: set[str]) -> list[str]:
    """Return the parameters whose annotation names one of these types."""
    given = function.args
    return [
        each.arg
        for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)
        if each.annotation and is_one_of(each.annotation, of)
    ]


def is_one_of(annotation: ast.expr, names: set[str]) -> bool:
    """Return whether it is the type, or the type or None; quoted or not."""
    text = ast.unparse(annotation).strip("'\"")
    return text.removesuffix(" | None") in names


def members_used(function: ast.FunctionDef, parameter: str) -> set[str]:
    """Return the members that are used; "" stands for the whole object."""
    parents = {child: node for node in ast.walk(function) for child in ast.iter_child_nodes(node)}
    return {
        parent.attr if isinstance(parent := parents[node], ast.Attribute) else ""
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and node.id == parameter
    }


def faults(source: str) -> Iterator[str]:
    for function in functions_of(source):
        for parameter in parameters(function, HOLDERS):
            used = members_used(function, parameter)
            if len(used) == 1 and "" not in used:
                yield f"{function.name} uses only {parameter}.{used.pop()}"
        if parameters(function, {"Services"}) and (named := parameters(function, CONNECTIONS)):
            yield f"{function.name} takes services, and the connection again as {named[0]}"


def modules() -> list[Path]:
    return sorted(
        p for part in ("layers/connector/ml_connector", "cli") for p in ROOT.glob(f"{part}/**/*.py")
    )


def test_no_function_takes_an_object_of_which_it_uses_one_member() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {fault}"
        for path in modules()
        for fault in faults(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def f(services: Services): services.ledger.read(key)", "f uses only services.ledger"),
        ("def f(a, *, stack: 'Stack'): stack.send(1); stack.send(2)", "f uses only stack.send"),
        (
            "class C:\n  def __init__(self, s: StackServices | None): self.x = s.all()",
            "__init__ uses only s.all",
        ),
        (
            "def f(services: Services, id: ConnectionId): g(services, id)",
            "f takes services, and the connection again as id",
        ),
        (
            "def f(connection: Connection, services: Services): g(services, connection)",
            "f takes services, and the connection again as connection",
        ),
    ],
)
def test_a_fault_is_found(source: str, fault: str) -> None:
    assert list(faults(source)) == [fault]


@pytest.mark.parametrize(
    "source",
    [
        "def f(services: Services): g(services, services.ledger)",
        "def f(services: Services): services.ledger.halt(services.inbox)",
        "def f(s: StackServices, id: ConnectionId): s.of(id) or s.ledger_of(id)",
        "def f(ledger: Ledger): ledger.halts()",
    ],
)
def test_other_functions_are_left_alone(source: str) -> None:
    assert list(faults(source)) == []
