"""Which run this process belongs to: ranks of one training job share a run, and each writes its own segment."""

from __future__ import annotations

import os
from _blake2 import blake2b

from madang.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_HEX = frozenset("0123456789abcdef")
_taken = 0  # runs that this process has begun with the shared id


class Place:
    """The run's id and this process's place in it."""

    __slots__ = ("launched", "parent", "rank", "run", "shared", "world")

    def __init__(
        self, run: str, rank: int = 0, world: int = 1, *, shared: bool = False, launched: bool = False
    ) -> None:
        self.run = run
        self.rank = rank
        self.world = world
        self.shared = shared  # several processes of one job write this run
        self.launched = launched  # `madang run` has made the run
        self.parent = ""

    def is_launchers(self, env: Mapping[str, str]) -> bool:
        """Whether the run is the one that `madang run` made around this process."""
        return "MADANG_LAUNCHED" in env and self.run == env.get("MADANG_RUN_ID")


def place(env: Mapping[str, str], given: str = "") -> Place:
    """Where the next run of this process belongs.

    The id of MADANG_RUN_ID counts for the first run that a process begins. Below torchrun the ranks find their common
    id by themselves; elsewhere (SLURM) MADANG_RUN_ID makes tasks one run.

    Raises:
        InvalidInput: MADANG_RUN_ID is not an id.
    """
    global _taken
    base = env.get("MADANG_RUN_ID", "")
    if base:
        check_id(base)
    if given:
        made = Place(given)
        made.parent = base if "MADANG_LAUNCHED" in env and given != base else ""
        return made
    rank, world = _rank(env)
    job = "" if base else _torchrun_job(env)  # torchrun may start even a lone rank again
    base = base or job
    nth, _taken = _taken, _taken + 1
    if base and (world > 1 or job):
        return Place(base if not nth else _hash(base, str(nth)), rank, world, shared=True)
    if base and not nth:
        return Place(base, launched="MADANG_LAUNCHED" in env)
    made = Place(os.urandom(16).hex())
    made.parent = base if "MADANG_LAUNCHED" in env else ""
    return made


def begin_anew() -> None:
    """Let the next run have the id of MADANG_RUN_ID, which stands for another one than before."""
    global _taken
    _taken = 0


def check_id(text: str) -> str:
    """Return the text when it is a run id.

    Raises:
        InvalidInput: it is not 32 lower-case hex digits.
    """
    if len(text) != 32 or not _HEX.issuperset(text):
        raise InvalidInput(f"{text[:80]!r} is not a run id.", hint="An id is 32 lower-case hex digits.")
    return text


def _rank(env: Mapping[str, str]) -> tuple[int, int]:
    for rank, world in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if rank in env and world in env:
            try:
                return int(env[rank]), int(env[world])
            except ValueError:
                continue
    return 0, 1


def _torchrun_job(env: Mapping[str, str]) -> str:
    """An id that all ranks of one torchrun come to: of the launching process on one machine, else of the rendezvous."""
    job = env.get("TORCHELASTIC_RUN_ID", "")
    if not job:
        return ""
    if env.get("LOCAL_WORLD_SIZE") == env.get("WORLD_SIZE"):
        try:
            with open(f"/proc/{os.getppid()}/stat", "rb") as file:
                began = file.read().rpartition(b")")[2].split()[19].decode()
        except (OSError, IndexError):
            began = env.get("MASTER_PORT", "")
        return _hash(job, os.uname().nodename, str(os.getppid()), began)
    return _hash(job, env.get("MASTER_ADDR", ""), env.get("MASTER_PORT", ""))


def _hash(*parts: str) -> str:
    return blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
