"""OData 2's `$filter`, as far as the connector needs it: parsed to a predicate on rows."""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from local.exact_simulator.fields import FIELDS, GUID, wire_ms
from local.exact_simulator.refusals import ExactRefusal, bad_request, bad_syntax

Predicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<guid>guid'[^']*'+)|datetime'(?P<datetime>[^']*)'|'(?P<string>(?:[^']|'')*)'"
    r"|(?P<number>-?\d+(?:\.\d+)?)[LlDdMmFf]?(?![\w'])|(?P<word>[A-Za-z_]\w*)|(?P<symbol>[(),]))"
)
_DEEPEST = 100
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_KINDS: Mapping[str, str] = {
    "Guid": "guid",
    "DateTime": "datetime",
    "String": "string",
    "Boolean": "boolean",
    "Byte": "number",
    "Int16": "number",
    "Int32": "number",
    "Int64": "number",
    "Double": "number",
}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _Operand(NamedTuple):
    kind: str
    read: Callable[[Mapping[str, Any]], Any]


class Filter(NamedTuple):
    """A parsed filter: its predicate and the fields it uses."""

    matches: Predicate
    fields: frozenset[str]


@lru_cache(maxsize=512)
def read_filter(endpoint: str, text: str) -> Filter:
    """Parse a filter (raises the 400 for an invalid one)."""
    if text.count("(") + text.count("not ") > _DEEPEST:
        raise bad_syntax()
    parser = _Parser(endpoint, _tokens(text))
    predicate = parser.either()
    if parser.tokens:
        raise bad_syntax()
    return Filter(predicate, frozenset(parser.used))


def read_literals(text: str) -> list[Any]:
    """Return the comma-separated literals of a `$skiptoken`."""
    tokens = [token for token in _tokens(text) if token.kind != "symbol"]
    return [_literal(token).read({}) for token in tokens]


def write_literal(kind: str, value: Any) -> str:
    """Return a value of an Edm type as a literal of a `$skiptoken`."""
    if value is None:
        return "null"
    if kind == "Guid":
        return f"guid'{value}'"
    if kind == "DateTime":
        moment = datetime.fromtimestamp(wire_ms(value) / 1000, tz=UTC)
        return f"datetime'{moment.replace(tzinfo=None).isoformat()}'"
    if kind == "String":
        return "'" + str(value).replace("'", "''") + "'"
    return f"{value}L" if kind == "Int64" else str(value).lower()


def sort_value(kind: str, value: Any) -> Any:
    """Return a field's value in a form that sorts within its type."""
    return wire_ms(value) if kind == "DateTime" and value is not None else value


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise bad_syntax()
        kind = match.lastgroup
        found.append(_Token(kind, match[kind], match.start(kind)))
        position = match.end()
    return found


@dataclass
class _Parser:
    endpoint: str
    tokens: list[_Token]
    used: set[str] = field(default_factory=set)

    def either(self) -> Predicate:
        left = self.both()
        while self._word("or"):
            left = _or(left, self.both())
        return left

    def both(self) -> Predicate:
        left = self.single()
        while self._word("and"):
            left = _and(left, self.single())
        return left

    def single(self) -> Predicate:
        if self._word("not"):
            inner = self.single()
            return lambda row: not inner(row)
        if self._symbol("("):
            inner = self.either()
            self._expect(")")
            return inner
        return self.comparison()

    def comparison(self) -> Predicate:
        left = self.operand()
        if not self.tokens or self.tokens[0].kind != "word" or self.tokens[0].text not in _COMPARE:
            if left.kind != "boolean":
                raise bad_syntax()
            return lambda row: left.read(row) is True
        compare = self.tokens.pop(0).text
        right = self.operand()
        if left.kind != right.kind and "null" not in {left.kind, right.kind}:
            raise bad_syntax()
        return _comparison(_COMPARE[compare], left.read, right.read)

    def operand(self) -> _Operand:
        if not self.tokens:
            raise bad_syntax()
        token = self.tokens.pop(0)
        if token.kind != "word" or token.text in {"true", "false", "null"}:
            return _literal(token)
        if self._symbol("("):
            return self._function(token.text)
        return self._field(token.text)

    def _function(self, name: str) -> _Operand:
        arguments = [self.operand()]
        while self._symbol(","):
            arguments.append(self.operand())
        self._expect(")")
        known = _FUNCTIONS.get((name, len(arguments)))
        if known is None or any(argument.kind != "string" for argument in arguments):
            raise bad_syntax()
        kind, function = known
        reads = [argument.read for argument in arguments]
        return _Operand(kind, lambda row: function(*(read(row) or "" for read in reads)))

    def _field(self, name: str) -> _Operand:
        known = FIELDS[self.endpoint].get(name)
        if known is None or known.type not in _KINDS:
            raise bad_syntax()
        self.used.add(name)
        if known.type == "DateTime":
            return _Operand("datetime", lambda row: _ms(row.get(name)))
        return _Operand(_KINDS[known.type], lambda row: row.get(name))

    def _word(self, text: str) -> bool:
        return self._next("word", text)

    def _symbol(self, text: str) -> bool:
        return self._next("symbol", text)

    def _next(self, kind: str, text: str) -> bool:
        if self.tokens and self.tokens[0].kind == kind and self.tokens[0].text == text:
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, symbol: str) -> None:
        if not self._symbol(symbol):
            raise bad_syntax()


def _starts(text: str, start: str) -> bool:
    return text.startswith(start)


_FUNCTIONS: Mapping[tuple[str, int], tuple[str, Callable[..., Any]]] = {
    ("trim", 1): ("string", str.strip),
    ("tolower", 1): ("string", str.lower),
    ("toupper", 1): ("string", str.upper),
    ("substringof", 2): ("boolean", lambda part, text: part in text),
    ("startswith", 2): ("boolean", _starts),
}


def _ms(value: str | None) -> int | None:
    return None if value is None else wire_ms(value)


def _literal(token: _Token) -> _Operand:
    if token.kind == "guid":
        return _guid_literal(token)
    if token.kind == "datetime":
        return _constant("datetime", _moment(token.text))
    if token.kind == "string":
        return _constant("string", token.text.replace("''", "'"))
    if token.kind == "number":
        return _constant("number", float(token.text) if "." in token.text else int(token.text))
    if token.text == "null":
        return _constant("null", None)
    if token.text in {"true", "false"}:
        return _constant("boolean", token.text == "true")
    raise bad_syntax()


def _guid_literal(token: _Token) -> _Operand:
    value = token.text[5:-1]
    if not GUID.fullmatch(value):
        raise bad_guid(token.text, token.at)
    return _constant("guid", value.lower())


def bad_guid(literal: str, position: int) -> ExactRefusal:
    """Return the 400 for an invalid Guid."""
    return bad_request(f"Unrecognized 'Edm.Guid' literal '{literal}' in '{position}'.")


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise bad_syntax() from None
    return int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _constant(kind: str, value: Any) -> _Operand:
    return _Operand(kind, lambda _: value)


def _comparison(
    compare: Callable[[Any, Any], bool],
    left: Callable[[Mapping[str, Any]], Any],
    right: Callable[[Mapping[str, Any]], Any],
) -> Predicate:
    def holds(row: Mapping[str, Any]) -> bool:
        one, other = left(row), right(row)
        if (one is None or other is None) and compare not in {operator.eq, operator.ne}:
            return False
        return compare(one, other)

    return holds


def _or(left: Predicate, right: Predicate) -> Predicate:
    return lambda row: left(row) or right(row)


def _and(left: Predicate, right: Predicate) -> Predicate:
    return lambda row: left(row) and right(row)
