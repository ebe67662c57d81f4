"""The main job, end to end, on real data: version it, train twice, compare, promote the better model, reproduce it.

Each step is a command that a user would type; it is printed before it runs. The workspace is `demo-workspace/`,
made anew each time.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_wine

ROOT = Path(__file__).resolve().parents[1]
WORKSPACE = ROOT / "demo-workspace"
BIN = Path(sys.executable).parent

TRAIN = '''\
"""Train a classifier of wines. Plain scikit-learn: it knows nothing of madang."""

import argparse
import json

import pandas as pd
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def train(C: float, seed: int = 0) -> dict:
    table = pd.read_csv("data/wine.csv")
    x, y = table.drop(columns="target"), table["target"]
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.4, random_state=seed, stratify=y)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=500)).fit(x_train, y_train)
    predicted = model.predict(x_test)
    metrics = {
        "accuracy": float(accuracy_score(y_test, predicted)),
        "f1": float(f1_score(y_test, predicted, average="macro")),
        "log_loss": float(log_loss(y_test, model.predict_proba(x_test))),
    }
    skops.io.dump(model, "model.skops")
    with open("metrics.json", "w") as file:
        json.dump(metrics, file, indent=2)
    return metrics


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--C", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(train(arguments.C, arguments.seed))
'''

WITH_SDK = '''\
"""The same training through the SDK: the script above is used as it is."""

import madang
import train

madang.seed_everything(0)
with madang.init(project="wine", name="with the SDK", config={"C": 1.0, "seed": 0}) as run:
    run.define_metric("log_loss", goal="min")
    run.log(train.train(run.config["C"], run.config["seed"]))
    run.log_model("model.skops", "wine-candidates")
'''


def step(title: str) -> None:
    """Announce a part of the job."""
    print(f"\n\033[1m== {title}\033[0m" if sys.stdout.isatty() else f"\n== {title}", flush=True)


def sh(command: str, *, capture: bool = False, ok: tuple[int, ...] = (0,)) -> str:
    """Show a command, run it in the workspace, and stop the demo when it fails."""
    print(f"$ {command}", flush=True)
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MADANG_", "GIT_"))}
    done = subprocess.run(
        shlex.split(command),
        cwd=WORKSPACE,
        env={**environment, "PATH": path},
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )
    if done.returncode not in ok:
        sys.exit(f"demo: {command!r} ended with exit code {done.returncode}")
    return done.stdout or ""


def prepare() -> None:
    """A new Git repository with a data set that scikit-learn ships, written out as a file, and two scripts."""
    if WORKSPACE.exists():
        shutil.rmtree(WORKSPACE)
    (WORKSPACE / "data").mkdir(parents=True)
    load_wine(as_frame=True).frame.to_csv(WORKSPACE / "data" / "wine.csv", index=False)
    (WORKSPACE / "train.py").write_text(TRAIN)
    (WORKSPACE / "with_sdk.py").write_text(WITH_SDK)
    (WORKSPACE / ".gitignore").write_text("__pycache__/\n/model.skops\n/metrics.json\n")


def main() -> None:
    """Run the job; then serve the page unless told not to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-serve", action="store_true", help="end instead of serving the web page")
    arguments = parser.parse_args()

    step("A project: Git for the code, madang for everything else")
    prepare()
    sh("git init --quiet --initial-branch main")
    sh("git config user.name Demo")
    sh("git config user.email demo@example.com")
    sh("madang init")
    sh("madang add data/wine.csv")
    sh("git add --all")
    sh("git commit --quiet -m 'Wine data and a training script'")

    step("Two runs of one unchanged script")
    sh("madang run --project wine --name 'strong regularisation' --out model.skops -- python train.py --C 0.01")
    sh("python with_sdk.py")

    step("Which is better?")
    runs = json.loads(sh("madang runs --project wine --order-by 'metrics.log_loss asc' --json", capture=True))
    best, other = (run["id"] for run in runs["runs"])
    sh("madang runs --project wine --order-by 'metrics.log_loss asc'")
    sh(f"madang compare {other[:8]} {best[:8]}")

    step("The better model goes to production")
    sh(f"madang models register {best[:8]} model.skops --name wine-logreg")
    sh("madang models promote wine-logreg:v1 production --reason 'lower log loss'")
    sh("madang models show wine-logreg")

    step("Could anyone get the same model again? From the record alone, in a clean checkout:")
    sh(f"madang reproduce {best[:8]} --yes")

    if arguments.no_serve:
        print("\nThe workspace stays in demo-workspace/; `make demo` serves its page.")
        return
    step("Its page (Ctrl-C ends it)")
    try:
        sh("madang ui", ok=(0, 130))
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
