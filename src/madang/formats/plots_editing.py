"""Change how a plot of a stage is drawn in the text of a ``dvc.yaml``; comments and everything else stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from madang.errors import InvalidInput, NotFound
from madang.formats.dvc import yamltext
from madang.formats.dvc.schema import PLOT_KEYS


def changed(text: str, where: str, stage: str, path: str, properties: Mapping[str, Any], unset: Sequence[str]) -> str:
    """The text with these properties of an output, and without those of ``unset``; an output or metric becomes a plot.

    Raises:
        NotFound: no output is written so in the stage. InvalidInput: a property that is not there.
    """
    document = yamltext.load_for_update(text, where)
    definition = document["stages"][stage]
    kind, at = _place(definition, path, where)
    item = definition[kind][at]
    flags = item[path] if isinstance(item, Mapping) and item[path] else {}
    absent = [name for name in unset if name not in flags or name not in PLOT_KEYS]
    if absent:
        raise InvalidInput(f"The plot {path!r} has no {', '.join(absent)} to unset.")
    for name in unset:
        del flags[name]
    flags.update({name: properties[name] for name in PLOT_KEYS if name in properties})
    written = {path: flags} if flags else path
    if kind == "plots":
        if isinstance(item, dict) and flags:
            item[path] = flags
        else:
            definition[kind][at] = written
        return yamltext.dump(document)
    del definition[kind][at]
    if not definition[kind]:
        del definition[kind]
    definition.setdefault("plots", []).append(written)
    return yamltext.dump(document)


def _place(definition: Mapping[str, Any], path: str, where: str) -> tuple[str, int]:
    for kind in ("plots", "outs", "metrics"):
        for at, item in enumerate(definition.get(kind) or ()):
            if item == path or (isinstance(item, Mapping) and path in item):
                return kind, at
    raise NotFound(f"{where} does not write {path!r} as it stands: it comes from a template.", hint="Edit the file.")
