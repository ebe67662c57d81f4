"""Agents of sweeps: they join, say what they run, and are told what to do next.

A trial is given out inside a transaction, so that no two agents get the same one and a grid's points come once each.
What an agent in hand had when it fell silent is given to another, as a new attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from madang.domain.access import Permission, Principal
from madang.domain.ids import new_id
from madang.domain.sweeping.config import SAMPLERS, STARTUP, SweepConfig
from madang.domain.sweeping.search_space import Grid, Point
from madang.domain.sweeping.sweeps import (
    CANCELLED,
    FINISHED,
    PAUSED,
    RUNNING,
    STOP_AGAIN,
    WAITING,
    Agent,
    Order,
    Sweep,
    Trial,
    drawn,
    is_over,
)
from madang.errors import Conflict, MadangError, NotFound
from madang.formats.wandb.ids import run_id
from madang.ports.records import Records
from madang.ports.sweeps import Suggester, SweepRecords
from madang.services.changes import now
from madang.services.sweeping.cache import SweepCache
from madang.services.sweeping.sweeps import Sweeps, new_name
from madang.services.sweeping.trials import SweepRuns

_QUIETER = 4 / 3  # times as long as an agent a run may be silent: some speak twice a minute


class SweepAgents:
    """What agents ask for. Thread-safe; several processes may work on one store at once."""

    def __init__(
        self,
        records: Records,
        trials: SweepRecords,
        sweeps: Sweeps,
        runs: SweepRuns,
        suggester: Suggester,
        cache: SweepCache,
    ) -> None:
        self._records = records
        self._trials = trials
        self._sweeps = sweeps
        self._runs = runs
        self._suggester = suggester
        self._cache = cache

    def join(self, who: Principal, project: str, sweep: str, host: str, name: str = "") -> Agent:
        """A new agent of a sweep. Raises `NotFound`."""
        found = self._sweeps.get(who, project, sweep, Permission.WRITE)
        at = now()
        made = Agent(new_id()[:16], found.id, host[:255], name[:255], who.name, at, at)
        self._trials.put_agent(made)
        return made

    def adopt(self, who: Principal, project: str, sweep: str, runs: Sequence[str]) -> int:
        """Have a new sweep begin with runs that there are already; how many of them are points of its search.

        Raises:
            NotFound: no such sweep or run.
            Conflict: it has trials already.
        """
        found = self._sweeps.get(who, project, sweep, Permission.WRITE)
        config = self._cache.state(found).config
        with self._records.transaction():
            if self._trials.newest(sweep) is not None:
                raise Conflict(f"The sweep {sweep} has trials already.", hint="Make a new one with these runs.")
            count = 0
            for run in runs:
                made = self._runs.adopted(who, found, config, run, count + 1)
                if made is not None:
                    self._trials.put_trial(made)
                    count += 1
        return count

    def agent(self, who: Principal, agent: str) -> Agent:
        """An agent by its id. Raises `NotFound`."""
        found = self._trials.agent(agent)
        with suppress(NotFound):  # whoever may not see the sweep hears of the agent what there is to hear of none
            if found is not None:
                self._sweeps.get(who, "", found.sweep)
                return found
        raise NotFound(f"There is no agent {agent[:80]!r}.")

    def beat(
        self,
        who: Principal,
        agent: str,
        running: Collection[str],
        ended: Mapping[str, str] | None = None,
        *,
        wants: bool = True,
        leaves: bool = False,
    ) -> list[Order]:
        """An agent says which runs it has in hand (ids, or W&B's names) and how others have ended.

        ``ended`` has the status of runs by id: finished, failed or killed; without it the runs' own records tell.
        Who ``wants`` and has nothing in hand gets a trial, or is told to exit when there is no more to do.

        Raises:
            NotFound: the sweep or agent is not there.
            AccessDenied: the caller may not write in the project.
        """
        found = self.agent(who, agent)
        sweep = self._sweeps.get(who, "", found.sweep, Permission.WRITE)
        at = now()
        self._cache.hear(agent, at, self._cache.state(sweep).config.patience)
        in_hand = self._trials.running(agent)
        orders = _foreign(in_hand, running)
        for trial in in_hand:
            if trial.run in running or trial.name in running:
                orders += self._going_on(sweep, trial, at)
            else:
                orders += self._gone(sweep, trial, (ended or {}).get(trial.run, ""), at, leaves=leaves)
        if leaves:
            self._leave(found)
            return []
        if running or orders or not wants or sweep.state == PAUSED:
            return orders
        order = self._next(sweep, found) if sweep.state == RUNNING else Order("exit")
        if order is not None and order.do == "exit":
            self._leave(found)
        return [] if order is None else [order]

    def settle_lost(self) -> None:
        """Settle what agents that fell silent had in hand: the last one of a sweep leaves nobody who would ask."""
        for id in self._trials.in_hand():
            sweep = self._trials.get(id)
            if sweep is not None:
                with suppress(MadangError):  # the next look may do it
                    self._look_for_lost(sweep, self._sweeps.trials(sweep))

    def _leave(self, agent: Agent) -> None:
        self._cache.forget(agent.id)
        if not agent.is_done:
            self._trials.put_agent(replace(agent, is_done=True, seen_at=now()))

    def _going_on(self, sweep: Sweep, trial: Trial, at: int) -> list[Order]:
        """Take note of a trial that its agent runs; the order to stop it where it is to stop."""
        config = self._cache.state(sweep).config
        after = trial if trial.is_known else replace(trial, is_known=True)
        if sweep.state == CANCELLED:
            after = replace(after, stopping_at=after.stopping_at or at)
        elif not trial.stopping_at and config.early is not None:
            after = self._runs.judged(after, config, self._sweeps.trials(sweep), at)
        stops = after.stopping_at and (not trial.stopping_at or at - trial.stopping_at >= STOP_AGAIN)
        if stops:
            after = replace(after, stopping_at=at)
        if after != trial:
            self._swap(trial, after)
        return [Order("stop", after)] if stops else []

    def _gone(
        self, sweep: Sweep, trial: Trial, status: str, at: int, *, leaves: bool = False, lost: bool = False
    ) -> list[Order]:
        """Settle a trial that its agent does not run any more, or has never got: then it is told once more.

        What failed without its agent (``lost``), or while that was ending, may have failed for it: it gets another
        attempt.
        """
        config = self._cache.state(sweep).config
        patience = int(config.patience * 1e6)
        news = self._runs.news(trial, config)
        reported = status or trial.reported or ("killed" if leaves else "")
        is_quiet = at - max(news.seen_at, trial.begun_at) >= patience * _QUIETER
        if news.status not in ("", "running", "scheduled"):
            self._settle(sweep, trial, "crashed" if (lost or leaves) and news.status == "failed" else news.status, at)
        elif reported and (not news.status or is_quiet):
            self._settle(sweep, trial, reported, at)
        elif not news.status and not trial.is_known and at - trial.begun_at < patience:
            return [self._order(sweep, trial)] if sweep.state == RUNNING else []
        elif not news.status or is_quiet:
            self._settle(sweep, trial, "crashed", at)
        elif reported != trial.reported:  # its last words are on their way
            self._swap(trial, replace(trial, reported=reported))
        return []

    def _settle(self, sweep: Sweep, trial: Trial, status: str, at: int) -> None:
        config = self._cache.state(sweep).config
        news = self._runs.news(trial, config)
        is_stopped = sweep.state == CANCELLED or news.is_stopped
        stopping = replace(trial, title=news.title, stopping_at=trial.stopping_at or (at if is_stopped else 0))
        self._swap(trial, stopping.ended(status, config, at, news.value, news.error))
        self._end(sweep)

    def _end(self, sweep: Sweep) -> None:
        """Have the sweep end if there is nothing left of it."""
        if sweep.state != RUNNING or not is_over(sweep, self._cache.state(sweep).config, self._sweeps.trials(sweep)):
            return
        with self._records.transaction():
            current = self._trials.get(sweep.id)
            if current is not None and current.state == RUNNING:
                self._trials.put(current.moved(FINISHED, now()))

    def _swap(self, before: Trial, after: Trial) -> bool:
        """Put a trial in place of what it was, unless it is something else by now."""
        with self._records.transaction():
            if self._trials.trial(before.sweep, before.number) != before:
                return False
            self._trials.put_trial(after)
        return True

    def _next(self, sweep: Sweep, agent: Agent) -> Order | None:
        """What a free agent is to do: a trial, nothing for now (None), or exit."""
        trials = self._sweeps.trials(sweep)
        self._look_for_lost(sweep, trials)
        for trial in self._sweeps.trials(sweep):
            if trial.state == WAITING and not self._has_finished(sweep, trial):
                name = new_name()
                given = trial.again(agent.id, run_id(sweep.project, name), name, now())
                if self._swap(trial, given):
                    return self._order(sweep, given)
        made = self._new(sweep, agent, trials)
        if made is not None:
            return self._order(sweep, made)
        if any(trial.is_open for trial in self._sweeps.trials(sweep)):
            return None
        self._end(sweep)
        return Order("exit")

    def _has_finished(self, sweep: Sweep, trial: Trial) -> bool:
        """Whether a run came to its end after all, whose agent was taken for dead; then that is the trial's."""
        config = self._cache.state(sweep).config
        news = self._runs.news(trial, config)
        if news.status != "finished":
            return False
        self._swap(trial, replace(trial, title=news.title).ended("finished", config, now(), news.value))
        return True

    def _look_for_lost(self, sweep: Sweep, trials: Sequence[Trial]) -> None:
        """Have the trials of agents that fell silent wait for others."""
        at = now()
        holders = {trial.agent for trial in trials if trial.state == RUNNING}
        if not holders or not self._cache.may_look(sweep.id, at):
            return
        patience = int(self._cache.state(sweep).config.patience * 1e6)
        lost = {
            agent.id
            for agent in self._trials.agents(sweep.id)
            if agent.id in holders and (agent.is_done or self._cache.silence(agent.id, agent.seen_at, at) >= patience)
        }
        for trial in trials:
            if trial.state == RUNNING and trial.agent in lost:
                self._gone(sweep, trial, "", at, lost=True)

    def _new(self, sweep: Sweep, agent: Agent, trials: Sequence[Trial]) -> Trial | None:
        """The next trial, given to an agent; None when there is none."""
        state = self._cache.state(sweep)
        suggested = self._suggestion(sweep, state.config, trials)
        with self._records.transaction():
            current = self._trials.get(sweep.id)
            if current is None or current.state != RUNNING:
                return None
            newest = self._trials.newest(sweep.id)
            number = newest.number + 1 if newest is not None else 1
            if current.run_cap is not None and number > current.run_cap:
                return None
            place = -1
            point = suggested
            if state.grid is not None:
                found = _next_place(state.grid, newest, trials)
                if found is None:
                    return None
                place, point = found
            elif point is None:
                point = drawn(sweep, state.config, number)
            name, at = new_name(), now()
            made = Trial(
                sweep.id, number, point, state.config.space.flat(point), agent=agent.id, place=place, begun_at=at,
                run=run_id(sweep.project, name), name=name,
            )  # fmt: skip
            self._trials.put_trial(made)
        return made

    def _suggestion(self, sweep: Sweep, config: SweepConfig, trials: Sequence[Trial]) -> Point | None:
        """A point learnt from the trials before; None where the method draws without looking."""
        least = STARTUP[SAMPLERS[config.method]] if config.method in SAMPLERS else len(trials) + 1
        if sum(trial.value is not None for trial in trials) < least:
            return None
        if sweep.run_cap is not None and len(trials) >= sweep.run_cap:
            return None
        return self._suggester.suggest(sweep.id, config, trials)

    def _order(self, sweep: Sweep, trial: Trial) -> Order:
        return Order("run", trial, self._cache.state(sweep).config.space.parameters(trial.point))


def _foreign(in_hand: Sequence[Trial], running: Collection[str]) -> list[Order]:
    """Orders to stop what an agent runs though it has it in hand no more: another has got it meanwhile."""
    known = {name for trial in in_hand for name in (trial.run, trial.name)}
    return [Order("stop", Trial("", 0, {}, {}, run=run, name=run)) for run in running if run not in known]


def _next_place(grid: Grid, newest: Trial | None, trials: Sequence[Trial]) -> tuple[int, Point] | None:
    """The next place of a grid whose point is not one of the runs that the sweep began with."""
    adopted = [trial.point for trial in trials if trial.place < 0]
    found = grid.after(newest.place if newest is not None else -1)
    while found is not None and found[1] in adopted:
        found = grid.after(found[0])
    return found
