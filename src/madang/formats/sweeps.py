"""The configuration of a sweep as YAML or JSON text (docs/sweeps.md), and back."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

from madang.domain.sweeping.sweeps import Order, Trial
from madang.domain.sweeping.views import SweepView
from madang.errors import InvalidInput
from madang.formats.dvc import yamltext

LONGEST = 1 << 18  # characters; what aliases or quotes are in takes ten seconds a mebibyte to read
_DEEPEST = 50


def read(text: str, where: str = "The configuration of the sweep") -> dict[str, Any]:
    """The mapping that a text holds, of JSON's kinds of values.

    Raises:
        InvalidInput: it is no YAML, no mapping, too long, or has other values in it.
    """
    if len(text) > LONGEST:
        raise InvalidInput(f"{where} has more than {LONGEST} characters.")
    found = plain(yamltext.load(text, where), where)
    if not isinstance(found, dict):
        raise InvalidInput(f"{where} is not a mapping.", hint="See docs/sweeps.md for an example.")
    return found


def plain(found: Any, where: str, depth: int = 0) -> Any:
    """A value with mappings, lists, texts, numbers, booleans and None alone.

    Raises:
        InvalidInput: there is something else in it, or it is nested too deeply.
    """
    if depth > _DEEPEST:
        raise InvalidInput(f"{where} is nested too deeply.")
    if isinstance(found, dict):
        return {str(key): plain(item, where, depth + 1) for key, item in found.items()}
    if isinstance(found, list | tuple):
        return [plain(item, where, depth + 1) for item in found]
    if found is None or isinstance(found, bool | str):
        return found
    if isinstance(found, int) and -(1 << 63) <= found < 1 << 63:
        return int(found)
    if isinstance(found, float) and math.isfinite(found):
        return float(found)
    raise InvalidInput(f"{where} has the value {found!r:.80}, which is neither a text, a finite number nor a list.")


def write(config: dict[str, Any]) -> str:
    """The text of a configuration."""
    return yamltext.dump(config)


class SweepsBody(Struct):
    """Sweeps, newest first."""

    sweeps: list[SweepView]


class OrderBody(Struct):
    """What an agent is to do, on the wire."""

    do: str
    number: int = 0
    run: str = ""
    name: str = ""
    attempt: int = 1
    params: dict[str, Any] = {}
    flat: dict[str, Any] = {}


class OrdersBody(Struct):
    """What an agent is to do, in order."""

    commands: list[OrderBody]


def order(one: Order) -> OrderBody:
    """An order for the wire."""
    trial = one.trial
    if trial is None:
        return OrderBody(one.do)
    return OrderBody(one.do, trial.number, trial.run, trial.name, trial.attempt, one.params, trial.params)


def read_order(sweep: str, body: OrderBody) -> Order:
    """The order behind one from the wire."""
    if not body.run:
        return Order(body.do)
    trial = Trial(sweep, body.number, {}, body.flat, run=body.run, name=body.name, attempt=body.attempt)
    return Order(body.do, trial, body.params)
