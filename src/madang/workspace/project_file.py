"""`madang.yaml`, which stands at the top of a repository: what a project declares beside its code."""

from __future__ import annotations

import os

from madang.domain.promotion import Rule, parse_rules
from madang.errors import ConfigError
from madang.formats.dvc import yamltext
from madang.formats.store import PROJECT_FILE

_LARGEST = 1 << 20


def promotion_rules(root: str) -> tuple[Rule, ...]:
    """What stands below `promote:`; nothing without the file or the key.

    Raises:
        ConfigError: the file cannot be read, or is no mapping.
        InvalidInput: it is no YAML, or a rule makes no sense.
    """
    path = os.path.join(root, PROJECT_FILE)
    return read_rules(path) if os.path.exists(path) else ()


def read_rules(path: str) -> tuple[Rule, ...]:
    """The rules of a file. Raises as `promotion_rules`."""
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST).decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"Cannot read {path}: {reason}.", hint="Name a file like madang.yaml.") from error
    found = yamltext.load(text, path)
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is no mapping.", hint="Write `promote: {metric: val/f1, mode: max}`.")
    rules = found.get("promote")
    return parse_rules(rules, path) if rules is not None else ()
