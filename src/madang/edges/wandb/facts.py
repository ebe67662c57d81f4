"""What a client says of its run, as facts about it: only what differs from what is known already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from madang.domain import events, redact
from madang.domain.commands import Fact
from madang.domain.events import Stamp
from madang.domain.metrics import MetricSummary
from madang.domain.run_state import RunState
from madang.domain.runs import tags_of
from madang.formats.wandb.config import definitions, is_shared_by, read_config, together
from madang.formats.wandb.machine import command_of, environment_of, newest, packages_of
from madang.formats.wandb.tags import CONFIG, NESTED, labels_of, nested_of, nested_text, own_of
from madang.formats.wandb.values import SYSTEM, flatten, from_point, objects, read_object, to_point, write_json
from madang.ports.records import StoredRun

STATUSES = {"pending": "scheduled", "preempting": "running", "preempted": "killed"}
"""W&B's states that runs of ours have under another name."""
BRANCH = "branch_point"
"""In the client's own part of the config: from which run and step this one goes on."""


class Last(NamedTuple):
    """The newest value of a metric."""

    step: int
    time: int
    value: Any


def lasts_of(metrics: Mapping[str, MetricSummary]) -> dict[str, Last]:
    """The newest value of each metric."""
    return {key: Last(*item.last_at[:2], item.last) for key, item in metrics.items()}


def is_ours(state: RunState, stamp: Stamp) -> bool:
    """Whether something was said by the client of an edge, and not by a process of ours."""
    segment = state.segments.get(stamp.segment)
    return segment is not None and segment.header.writer == "edge"


def labelled(stored: StoredRun, labels: Sequence[str]) -> list[Fact]:
    """All labels of a run."""
    known = labels_of(tags_of(stored.state, stored.overrides))
    wanted = dict.fromkeys(label for label in labels if label)
    gone = [label for label in known if label not in wanted]
    facts: list[Fact] = [events.Removed("tags", gone)] if gone else []
    new = {label: "" for label in wanted if label not in known}
    return [*facts, events.Tags(new)] if new else facts


def _is_shared(state: RunState) -> bool:
    """Whether a client of MLflow writes this run, too: then W&B's does not know all that is in its config."""
    return any(key.startswith("mlflow.") for key in state.tags)


def configured(state: RunState, text: str, *, is_edit: bool = False) -> list[Fact]:
    """The whole config, with what it says of metrics.

    That of a run that goes on from a step, or that has several clients, adds to what there was, unless it is an edit by
    somebody who has read all of it.
    """
    told = read_config(text)
    known = {key: item[0] for key, (_, item) in state.config.items() if item}
    new = {key: item for key, item in told.values.items() if key not in known or not same(known[key], item)}
    gone = [
        key
        for key, (stamp, item) in state.config.items()
        if item and key not in told.values and is_ours(state, stamp) and not _is_shared(state)
    ]
    inner = told.inner
    own = told.own
    if (BRANCH in own or is_shared_by(own)) and not is_edit:
        gone, inner = [], sorted({*inner, *nested_of({NESTED: tag_of(state, NESTED)})["config"]})
    if is_shared_by(own):
        own = together(own_of({CONFIG: tag_of(state, CONFIG)}), own)
    facts: list[Fact] = [events.Config(new)] if new else []
    if gone:
        facts.append(events.Removed("config", gone))
    facts += _nested(state, {"config": inner})
    if own:
        facts += tagged(state, CONFIG, write_json(own))
        facts += ran_in(state, newest(own))
        for item in definitions(told.own):
            known_item = state.definitions.get(item.key)
            if known_item is None or known_item[1] != item:
                facts.append(item)
    return facts


def summed_up(state: RunState, lasts: Mapping[str, Last], text: str, *, is_edit: bool = False) -> list[Fact]:
    """The whole summary: set by hand is what no metric says, and what metrics say otherwise.

    The client of a run that goes on from a step, and each of several, does not know all of it; who edits it does.
    """
    sent = read_object(text)
    inner = objects(sent)
    flat = {key: item for key, item in flatten(sent).items() if key}
    by_hand = {key: item[0] for key, (_, item) in state.summary.items() if item}
    new: dict[str, Any] = {}
    gone = [key for key in by_hand if key not in flat and is_ours(state, state.summary[key][0])]
    for key, item in flat.items():
        told = to_point(item) if isinstance(item, dict) and item else item
        if key in lasts and same(from_point(lasts[key].value), item):
            gone += [key] if key in by_hand else []
        elif key not in by_hand or not same(by_hand[key], told):
            new[key] = told
    absent = sorted(key for key in lasts if key not in flat and key not in inner and not key.startswith(SYSTEM))
    own = own_of({CONFIG: tag_of(state, CONFIG)})
    if (BRANCH in own or is_shared_by(own)) and not is_edit:
        gone, absent = [key for key in gone if key in flat], []
    facts: list[Fact] = [events.Summary(new)] if new else []
    if gone:
        facts.append(events.Removed("summary", gone))
    return facts + _nested(state, {"summary": inner, "absent": absent})


def _nested(state: RunState, parts: Mapping[str, list[str]]) -> list[Fact]:
    """Which keys are objects; the tag says it of config and summary together."""
    known = nested_of({NESTED: tag_of(state, NESTED)})
    text = nested_text({**known, **parts})
    return tagged(state, NESTED, text) if text != "{}" or tag_of(state, NESTED) else []


def tag_of(state: RunState, key: str) -> str:
    """A tag that the run itself has set."""
    found = state.tags.get(key, (None, ()))[1]
    return str(found[0]) if found else ""


def tagged(state: RunState, key: str, text: str) -> list[Fact]:
    """A tag, where it is another one."""
    return [] if key in state.tags and tag_of(state, key) == text else [events.Tags({key: text})]


def code_of(state: RunState, said: Mapping[str, Any]) -> list[Fact]:
    """The commit and program behind a run, where no process of ours has recorded them better."""
    known = state.code
    if known is not None and not is_ours(state, known[0]):
        return []
    commit, remote, entry = (said.get(name) or "" for name in ("commit", "jobRepo", "jobProgram"))
    made = events.Code(commit=commit, remote=redact.address(remote) if remote else "", entry=entry)
    if not (commit or remote or entry) or (known is not None and known[1] == made):
        return []
    return [made]


def ran_in(state: RunState, told: Mapping[str, Any]) -> list[Fact]:
    """The machine and the command behind a run, where no process of ours has recorded them better."""
    made: list[Fact] = []
    command = command_of(told)
    if command and state.scalars.get("command", (None, []))[1] != command and _may_say(state, "command"):
        made.append(events.Started(command=command))
    known = state.environment
    found = environment_of(told, known[1].packages if known else [])
    if found is not None and told and (known is None or (is_ours(state, known[0]) and known[1] != found)):
        made.append(found)
    return made


def with_packages(state: RunState, requirements: str) -> list[Fact]:
    """The packages that a run was made with."""
    packages, known = packages_of(requirements), state.environment
    if not packages or (known is not None and not is_ours(state, known[0])):
        return []
    made = replace(known[1] if known else events.Environment(), packages=packages)
    return [] if known is not None and known[1] == made else [made]


def _may_say(state: RunState, scalar: str) -> bool:
    known = state.scalars.get(scalar)
    return known is None or is_ours(state, known[0])


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same: NaN is itself, and a flag is no number."""
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    return bool(one == other) or repr(one) == repr(other)
