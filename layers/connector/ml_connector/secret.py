"""A text that never appears in logs, traces or messages."""

import hmac


class Secret:
    """Wraps a secret text; only `reveal` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap `value`."""
        self._value = value

    def reveal(self) -> str:
        """Return the text itself, for the one place that sends or seals it."""
        return self._value

    def __repr__(self) -> str:
        """Return a placeholder."""
        return "<secret>"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        """Return the placeholder for any format."""
        return repr(self)

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash like the text."""
        return hash(self._value)

    def __bool__(self) -> bool:
        """Return whether there is any text."""
        return bool(self._value)

    def __reduce__(self) -> str:
        """Refuse to be pickled."""
        raise TypeError("a secret is never pickled")
