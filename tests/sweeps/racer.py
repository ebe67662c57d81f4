"""An agent as a process of its own, for races: it carries out trials of a hub's store until it is sent away.

Some of them kill themselves on the way, with the trial in hand.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

from tests.sweeps.conftest import asked, logged

from madang.config import HubConfig
from madang.wiring import open_hub


def main(store: str, database: str, agent: str, kills: float) -> None:
    """Be the agent."""
    engine = open_hub(HubConfig(store=store, database=database))
    chance = random.Random(agent)
    while True:
        for order in asked(engine, agent):
            if order.do == "exit":
                return
            if order.trial is not None and order.do == "run":
                if chance.random() < kills:
                    os.kill(os.getpid(), signal.SIGKILL)
                asked(engine, agent, (order.trial.run,))
                if chance.random() < kills:
                    os.kill(os.getpid(), signal.SIGKILL)
                logged(engine, order.trial, order.trial.params["x"])
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]))
