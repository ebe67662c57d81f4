"""Parameters of a sweep as W&B's configuration writes them, and conditions among them (docs/sweeps.md)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from madang.domain.sweeping.search_space import CATEGORY, INTEGER, NUMBER, QUANTILE, Dimension, Space
from madang.errors import InvalidInput

_MOST = 1000  # parameters of a sweep
_LARGEST_EXPONENT = 700.0  # of e, below the largest float
_MARKS = frozenset({
    "value", "values", "probabilities", "min", "max", "mu", "sigma", "a", "b", "q", "distribution", "parameters",
    "when", "description",
})  # fmt: skip


def parse_parameters(given: Any) -> Space:
    """The space that `parameters:` describes.

    Raises:
        InvalidInput: something makes no sense; the message names the parameter.
    """
    if not isinstance(given, Mapping) or not given:
        raise InvalidInput(
            "The sweep has no `parameters`.", hint="Name at least one, with `values` or `min` and `max`."
        )
    found = list(_walk(given, (), {}))
    names = [dimension.name for dimension in found]
    if len(found) > _MOST:
        raise InvalidInput(f"The sweep has {len(found)} parameters; {_MOST} are allowed.")
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"The parameter {name!r} is there twice.")
    return Space(_ordered(found))


def _walk(given: Mapping[Any, Any], above: tuple[str, ...], when: Mapping[str, Any]) -> Iterator[Dimension]:
    for key, body in given.items():
        path = (*above, str(key))
        name = ".".join(path)
        if not isinstance(body, Mapping):
            raise InvalidInput(
                f"The parameter {name!r} is {body!r:.80}, not a mapping.", hint=f"Write `{key}: {{value: …}}`."
            )
        unknown = [str(mark) for mark in body if mark not in _MARKS]
        if unknown:
            raise InvalidInput(f"The parameter {name!r} has unknown keys: {', '.join(unknown[:5])}.")
        conditions = {**when, **_conditions(name, body.get("when"))}
        if "parameters" in body:
            inner = body["parameters"]
            if not isinstance(inner, Mapping) or not inner:
                raise InvalidInput(f"The parameter {name!r} has `parameters` without any in it.")
            yield from _walk(inner, path, conditions)
        else:
            yield _dimension(path, body, tuple(conditions.items()))


def _conditions(name: str, given: Any) -> dict[str, tuple[Any, ...]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"The condition of {name!r} is not a mapping.", hint="Write `when: {optimizer: sgd}` or a list of values."
        )
    return {str(key): tuple(value) if isinstance(value, list) else (value,) for key, value in given.items()}


def _ordered(found: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """In the order of the config, but each after those that its condition names."""
    names = {dimension.name for dimension in found}
    for dimension in found:
        for other, _ in dimension.when:
            if other not in names:
                raise InvalidInput(f"The condition of {dimension.name!r} names {other!r}, which is no parameter.")
    left, placed = list(found), dict[str, Dimension]()
    while left:
        ready = next((item for item in left if all(other in placed for other, _ in item.when)), None)
        if ready is None:
            raise InvalidInput(f"The conditions of {', '.join(repr(item.name) for item in left[:5])} go in a circle.")
        placed[ready.name] = ready
        left.remove(ready)
    return tuple(placed.values())


def _dimension(path: tuple[str, ...], body: Mapping[str, Any], when: tuple[tuple[str, Any], ...]) -> Dimension:
    reading = _Reading(".".join(path), body)
    distribution = str(body.get("distribution") or _guessed(reading))
    make = _KINDS.get(distribution)
    if make is None:
        raise InvalidInput(
            f"The parameter {reading.name!r} has an unknown distribution {distribution[:80]!r}.",
            hint=f"Known: {', '.join(_KINDS)}.",
        )
    return Dimension(path, distribution, when=when, **make(reading))


def _guessed(reading: _Reading) -> str:
    """The distribution that W&B takes where none is named."""
    body = reading.body
    if "value" in body:
        return "constant"
    if "values" in body:
        return "categorical_w_probabilities" if "probabilities" in body else "categorical"
    if "min" in body and "max" in body:
        whole = all(isinstance(body[key], int) and not isinstance(body[key], bool) for key in ("min", "max"))
        return "int_uniform" if whole and "q" not in body else "q_uniform" if "q" in body else "uniform"
    if "mu" in body or "sigma" in body:
        return "normal"
    raise InvalidInput(
        f"The parameter {reading.name!r} says neither `value`, `values` nor `min` and `max`.",
        hint="Or name a `distribution` and what it needs.",
    )


class _Reading:
    """The keys of one parameter."""

    def __init__(self, name: str, body: Mapping[str, Any]) -> None:
        self.name = name
        self.body = body

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number; a text such as 1e-4, which YAML 1.1 does not take for one, is read too."""
        found = self.body.get(key, default)
        try:
            number = math.nan if isinstance(found, bool) else float(found)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            what = "is missing" if key not in self.body else f"is {found!r:.80}, not a number"
            raise InvalidInput(f"`{key}` of the parameter {self.name!r} {what}.")
        return number

    def positive(self, key: str, default: float | None = None) -> float:
        """A number above 0."""
        found = self.number(key, default)
        if found <= 0:
            raise InvalidInput(f"`{key}` of the parameter {self.name!r} is {found:g}; it must be above 0.")
        return found

    def bounds(self, low: float | None = None, high: float | None = None) -> tuple[float, float]:
        """`min` and `max` in order."""
        found = self.number("min", low), self.number("max", high)
        if found[0] > found[1]:
            raise InvalidInput(f"`min` of the parameter {self.name!r} is above its `max`: {found[0]:g} > {found[1]:g}.")
        return found


def _constant(reading: _Reading) -> dict[str, Any]:
    if "value" not in reading.body:
        raise InvalidInput(f"The parameter {reading.name!r} is a constant without a `value`.")
    return {"kind": CATEGORY, "choices": (reading.body["value"],)}


def _categorical(reading: _Reading) -> dict[str, Any]:
    values = reading.body.get("values")
    if not isinstance(values, list) or not values:
        raise InvalidInput(f"`values` of the parameter {reading.name!r} is not a list with something in it.")
    weights = reading.body.get("probabilities") or ()
    if not weights:
        return {"kind": CATEGORY, "choices": tuple(values)}
    given = [_Reading(reading.name, {"probabilities": item}).number("probabilities") for item in weights]
    if len(given) != len(values) or min(given) < 0 or abs(sum(given) - 1) > 1e-6:
        raise InvalidInput(
            f"`probabilities` of the parameter {reading.name!r} must be {len(values)} numbers from 0 that add up to 1."
        )
    return {"kind": CATEGORY, "choices": tuple(values), "weights": tuple(given)}


def _weighted(reading: _Reading) -> dict[str, Any]:
    if not reading.body.get("probabilities"):
        raise InvalidInput(f"The parameter {reading.name!r} has no `probabilities`.")
    return _categorical(reading)


def _integers(reading: _Reading) -> dict[str, Any]:
    low, high = reading.bounds()
    if not (low.is_integer() and high.is_integer()) or max(-low, high) > 2**53:
        raise InvalidInput(f"`min` and `max` of the parameter {reading.name!r} must be whole numbers up to 2^53.")
    return {"kind": INTEGER, "low": low, "high": high}


def _uniform(reading: _Reading) -> dict[str, Any]:
    low, high = reading.bounds()
    return {"kind": NUMBER, "low": low, "high": high}


def _exponents(sign: int) -> Callable[[_Reading], dict[str, Any]]:
    """Bounds are natural logarithms of the value (``sign`` 1), or of its inverse (-1)."""

    def make(reading: _Reading) -> dict[str, Any]:
        low, high = sorted(sign * bound for bound in reading.bounds())
        if max(-low, high) > _LARGEST_EXPONENT:
            raise InvalidInput(
                f"`min` and `max` of the parameter {reading.name!r} are exponents of e here: {low:g}, {high:g}.",
                hint=f"Bounds of the value itself go with {'inv_' * (sign < 0)}log_uniform_values.",
            )
        return {"kind": NUMBER, "low": math.exp(low), "high": math.exp(high), "is_log": True}

    return make


def _logarithmic(reading: _Reading) -> dict[str, Any]:
    low, high = reading.bounds()
    if low <= 0:
        raise InvalidInput(f"`min` of the parameter {reading.name!r} is {low:g}; a logarithmic one begins above 0.")
    return {"kind": NUMBER, "low": low, "high": high, "is_log": True}


def _normal(reading: _Reading) -> dict[str, Any]:
    return {"kind": QUANTILE, "shape": (reading.number("mu", 0.0), reading.positive("sigma", 1.0))}


def _beta(reading: _Reading) -> dict[str, Any]:
    return {"kind": QUANTILE, "shape": (reading.positive("a", 1.0), reading.positive("b", 1.0))}


def _quantized(make: Callable[[_Reading], dict[str, Any]]) -> Callable[[_Reading], dict[str, Any]]:
    return lambda reading: {**make(reading), "step": reading.positive("q", 1.0)}


_KINDS: dict[str, Callable[[_Reading], dict[str, Any]]] = {
    "constant": _constant,
    "categorical": _categorical,
    "categorical_w_probabilities": _weighted,
    "int_uniform": _integers,
    "uniform": _uniform,
    "q_uniform": _quantized(_uniform),
    "log_uniform": _exponents(1),
    "log_uniform_values": _logarithmic,
    "q_log_uniform": _quantized(_exponents(1)),
    "q_log_uniform_values": _quantized(_logarithmic),
    "inv_log_uniform": _exponents(-1),
    "inv_log_uniform_values": _logarithmic,
    "normal": _normal,
    "q_normal": _quantized(_normal),
    "log_normal": _normal,
    "q_log_normal": _quantized(_normal),
    "beta": _beta,
    "q_beta": _quantized(_beta),
}
