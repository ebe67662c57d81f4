"""The stages of a repository as a graph: who makes what another one reads, and the orders that follow from it."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from madang.errors import InvalidInput
from madang.formats.dvc import dvcfile
from madang.workspace.data.records.stages import Stage, TrackedOut, is_local
from madang.workspace.data.repo.scan import FILES_OF_GIT, HIDDEN_FOLDERS


class Graph:
    """Stages and which of them each one depends on. Positions in ``stages`` stand for the stages."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        """Raises `InvalidInput`: two stages write one path, one path lies in another, or stages depend in a circle."""
        self.stages = list(stages)
        self._position = {(stage.file, stage.name): index for index, stage in enumerate(self.stages)}
        self.makers = _Makers(self.stages)
        self.upstream: list[list[int]] = [self._makers_for(index) for index in range(len(self.stages))]
        self.downstream: list[list[int]] = [[] for _ in self.stages]
        for index, makers in enumerate(self.upstream):
            for maker in makers:
                self.downstream[maker].append(index)
        self._check_circles()

    def position(self, stage: Stage) -> int:
        """Where a stage stands."""
        return self._position[stage.file, stage.name]

    def _makers_for(self, index: int) -> list[int]:
        stage = self.stages[index]
        if stage.source is not None and "repo" in stage.source:
            return []
        read = [*(dep.path for dep in stage.deps), *(one.path for one in stage.params)]
        found = dict.fromkeys(maker for path in read if is_local(path) for maker, _ in self.makers.of(path))
        return list(found)

    def _check_circles(self) -> None:
        for circle in _circles(self.upstream):
            names = " → ".join(_name(self.stages[index]) for index in reversed([*circle, circle[0]]))
            paths = [self._between(circle[at - 1], one) for at, one in enumerate(circle)]
            raise InvalidInput(
                f"Stages depend on each other in a circle: {names} (by {', '.join(dict.fromkeys(paths))}).",
                hint="Take one of these dependencies out of dvc.yaml.",
            )

    def _between(self, reader: int, maker: int) -> str:
        """A path that one stage reads and the other makes."""
        stage = self.stages[reader]
        for path in [*(dep.path for dep in stage.deps), *(one.path for one in stage.params)]:
            if is_local(path) and any(index == maker for index, _ in self.makers.of(path)):
                return os.path.relpath(path)
        return ""

    def ordered(self, chosen: Iterable[int], *, through_frozen: bool = False) -> list[int]:
        """These stages, each behind those that it depends on (of a frozen one, nothing is asked for)."""
        wanted = set(chosen)
        done: dict[int, None] = {}
        for start in sorted(wanted):
            waiting: list[tuple[int, Iterator[int]]] = [(start, iter(self.needs(start, through_frozen)))]
            seen = {start}
            while waiting and start not in done:
                index, left = waiting[-1]
                step = next((one for one in left if one in wanted and one not in done and one not in seen), None)
                if step is None:
                    done[index] = None
                    waiting.pop()
                else:
                    seen.add(step)
                    waiting.append((step, iter(self.needs(step, through_frozen))))
        return list(done)

    def needs(self, index: int, through_frozen: bool = False) -> list[int]:
        """The stages that one depends on; a frozen one depends on none."""
        return [] if self.stages[index].frozen and not through_frozen else self.upstream[index]

    def all_upstream(self, start: Iterable[int], *, through_frozen: bool = False) -> set[int]:
        """These stages and everything that they depend on."""
        return _reached(start, lambda index: self.needs(index, through_frozen))

    def all_downstream(self, start: Iterable[int]) -> set[int]:
        """These stages and everything that depends on them."""
        return _reached(start, lambda index: [one for one in self.downstream[index] if not self.stages[one].frozen])

    def pipeline_of(self, start: Iterable[int], *, through_frozen: bool = False) -> set[int]:
        """These stages and everything that is connected with them in any way."""

        def beside(index: int) -> list[int]:
            above = [one for one in self.downstream[index] if index in self.needs(one, through_frozen)]
            return [*self.needs(index, through_frozen), *above]

        return _reached(start, beside)


def _reached(start: Iterable[int], step: object) -> set[int]:
    assert callable(step)
    found = set(start)
    waiting = list(found)
    while waiting:
        for index in step(waiting.pop()):
            if index not in found:
                found.add(index)
                waiting.append(index)
    return found


def _circles(upstream: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The first circle, if there is one: each stage depends on the next."""
    white, grey, black = 0, 1, 2
    colour = [white] * len(upstream)
    for start in range(len(upstream)):
        if colour[start] != white:
            continue
        colour[start] = grey
        path: list[tuple[int, Iterator[int]]] = [(start, iter(upstream[start]))]
        while path:
            index, left = path[-1]
            step = next(left, None)
            if step is None:
                colour[index] = black
                path.pop()
            elif colour[step] == grey:
                steps = [one for one, _ in path]
                yield steps[steps.index(step) :]
                return
            elif colour[step] == white:
                colour[step] = grey
                path.append((step, iter(upstream[step])))


class _Makers:
    """Finds the outputs at, above and below a path."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        made = [(out.path, index, out) for index, stage in enumerate(stages) for out in stage.outs]
        self._made = sorted(((path, index, out) for path, index, out in made if is_local(path)), key=lambda m: m[:2])
        self._paths = [path for path, _, _ in self._made]
        self._first = {path: at for at, path in reversed(list(enumerate(self._paths)))}
        self._check(stages)

    def of(self, path: str) -> Iterator[tuple[int, TrackedOut]]:
        """Who makes a path: outputs above it or equal, from the top down, then those inside it."""
        if path in self._first:
            yield self._made[self._first[path]][1:]
        for above in _above(path):
            if above in self._first:
                yield self._made[self._first[above]][1:]
        inside = path.rstrip(os.sep) + os.sep
        at = bisect_left(self._paths, inside)
        while at < len(self._paths) and self._paths[at].startswith(inside):
            yield self._made[at][1:]
            at += 1

    def _check(self, stages: Sequence[Stage]) -> None:
        last: tuple[str, int, TrackedOut] | None = None
        for one in self._made:
            if last is not None and last[0] == one[0]:
                first, second = _name(stages[last[1]]), _name(stages[one[1]])
                where = f"by {first} and {second}" if first != second else f"twice by {first}"
                raise InvalidInput(
                    f"The output {os.path.relpath(one[0])} is written {where}.", hint="One path, one stage: change one."
                )
            last = one
        for path, index, _ in self._made:
            _check_place(stages[index], path)
            above = next((one for one in _above(path) if one in self._first), None)
            if above is not None:
                owner = stages[self._made[self._first[above]][1]]
                raise InvalidInput(
                    f"The output {os.path.relpath(path)} of {_name(stages[index])} lies in {os.path.relpath(above)}, "
                    f"which is an output of {_name(owner)}.",
                    hint="Outputs must lie apart.",
                )
        for stage in {stage.file: stage for stage in stages}.values():
            above = next((one for one in _above(stage.file) if one in self._first), None)
            if above is not None:
                owner = stages[self._made[self._first[above]][1]]
                raise InvalidInput(
                    f"{os.path.relpath(stage.file)} lies in {os.path.relpath(above)}, an output of {_name(owner)}.",
                    hint="Move the file: outputs are replaced as a whole.",
                )


def _check_place(stage: Stage, path: str) -> None:
    """Refuse an output that would take the place of a record, or of what belongs to a tool."""
    name = os.path.basename(path)
    is_record = name in FILES_OF_GIT or (stage.name and name.endswith(dvcfile.SUFFIX))
    if is_record or (f"{os.sep}." in path and _is_hidden(path, os.path.dirname(stage.file))):
        raise InvalidInput(
            f"The output {os.path.relpath(path)} of {_name(stage)} is no data: git or dvc keeps its own there.",
            hint="Choose another name.",
        )


def _is_hidden(path: str, start: str) -> bool:
    return not HIDDEN_FOLDERS.isdisjoint(os.path.relpath(path, start).split(os.sep))


def _above(path: str) -> Iterator[str]:
    above = os.path.dirname(path)
    while above != path:
        yield above
        path, above = above, os.path.dirname(above)


def _name(stage: Stage) -> str:
    """A stage with its file: ``train (dvc.yaml)``."""
    return f"{stage.name} ({os.path.relpath(stage.file)})" if stage.name else os.path.relpath(stage.file)
