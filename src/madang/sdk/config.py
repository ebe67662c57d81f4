"""`run.config`: the parameters, nested keys joined with a dot."""

from __future__ import annotations

from madang.domain import redact
from madang.formats import segment as codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from madang.errors import InvalidInput
    from madang.sdk.run import Run


class Config:
    """A mapping of parameters. Reading ``config.model`` gives the part below ``model.`` when there is one."""

    def __init__(self, run: Run, prefix: str = "", values: dict[str, Any] | None = None) -> None:
        object.__setattr__(self, "_run", run)
        object.__setattr__(self, "_prefix", prefix)
        object.__setattr__(self, "_values", {} if values is None else values)

    def update(self, values: Mapping[str, Any] | object = (), **named: Any) -> None:
        """Set parameters from a mapping, an `argparse.Namespace`, a dataclass or any object with attributes."""
        flat = flatten({**_as_mapping(values), **named}, self._prefix)
        if flat:
            self.put(flat)

    def put(self, flat: dict[str, Any]) -> None:
        """Set parameters that are flat already."""
        self._run.append(codec.CONFIG, {"set": redact.mapping(flat)})
        self._values.update(flat)

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take over values that the run has already."""
        self._values.update(values)

    def __getitem__(self, key: str) -> Any:
        name = self._prefix + key
        if name in self._values:
            return self._values[name]
        if any(known.startswith(name + ".") for known in self._values):
            return Config(self._run, name + ".", self._values)
        raise KeyError(key)

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        try:
            return self[key]
        except KeyError:
            raise AttributeError(f"The run's config has no {self._prefix + key!r}.") from None

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __setattr__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        name = self._prefix + key
        gone = [known for known in self._values if known == name or known.startswith(name + ".")]
        if not gone:
            raise KeyError(key)
        self._run.append(codec.REMOVED, {"what": "config", "keys": [redact.text(known) for known in gone]})
        for known in gone:
            del self._values[known]

    __delattr__ = __delitem__

    def get(self, key: str, default: Any = None) -> Any:
        """The value of a key, or the default."""
        try:
            return self[key]
        except KeyError:
            return default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, set first when it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key, self) is not self

    def __iter__(self) -> Iterator[str]:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())

    def keys(self) -> list[str]:
        """The flat keys, below this part."""
        return list(self.as_dict())

    def values(self) -> list[Any]:
        """The values in the order of the keys."""
        return list(self.as_dict().values())

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of flat key and value."""
        return list(self.as_dict().items())

    def as_dict(self) -> dict[str, Any]:
        """A flat copy, keys joined with a dot."""
        start = len(self._prefix)
        return {key[start:]: value for key, value in self._values.items() if key.startswith(self._prefix)}

    def __eq__(self, other: object) -> bool:
        return self.as_dict() == (other.as_dict() if isinstance(other, Config) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.as_dict())


def flatten(values: Mapping[str, Any] | object, prefix: str = "") -> dict[str, Any]:
    """Parameters as flat keys and plain values.

    Raises:
        InvalidInput: it is neither a mapping nor an object with attributes, or nested too deeply.
    """
    try:
        return dict(_flatten(_as_mapping(values), prefix))
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> InvalidInput:
    from madang.errors import InvalidInput

    return InvalidInput("The values are nested too deeply, or without end.", hint="Pass flat names.")


def _as_mapping(values: Any) -> dict[Any, Any]:
    if hasattr(values, "items"):
        return dict(values.items())
    if values == ():
        return {}
    if hasattr(values, "model_dump"):
        return dict(values.model_dump())
    if hasattr(values, "__dataclass_fields__"):
        return {name: getattr(values, name) for name in values.__dataclass_fields__}
    try:
        return {key: value for key, value in vars(values).items() if not key.startswith("_")}
    except TypeError:
        from madang.errors import InvalidInput

        raise InvalidInput(
            f"The config is a {type(values).__name__}.", hint="Pass a mapping, a namespace or a dataclass."
        ) from None


def _flatten(values: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        name = prefix + str(key)
        if (hasattr(value, "items") or hasattr(value, "__dataclass_fields__")) and not isinstance(value, type):
            inner = _as_mapping(value)
            if inner:
                yield from _flatten(inner, name + ".")
                continue
            value = {}
        yield name, _plain(value)


def plain(value: Any) -> Any:
    """What the journal keeps of a parameter: small arrays as lists, anything unknown as its text.

    Raises:
        InvalidInput: it is nested too deeply.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise _too_deep() from None


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    shape = getattr(value, "shape", ())
    if shape and hasattr(value, "tolist"):
        return value.tolist() if _count(shape) <= 1000 else f"array of shape {tuple(shape)}"
    return codec.scalar(value) if value is not None else None


def _count(shape: Any) -> int:
    count = 1
    for side in shape:
        count *= int(side)
    return count
