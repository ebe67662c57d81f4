"""The benchmarks of madang beside its peers: one command, one table a workload. Never a test.

    python benchmarks/run.py [--only NAME,…] [--quick] [--full] [--repeats N] [--json FILE] [--madang DIR]

README.md in this folder says what is measured, how, and what keeps it fair.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from harness import CORES, Bench, Failed
from report import Table, to_json
from venvs import measure_instead, versions

WORKLOADS = {
    "log": "log() of ten scalars in the calling thread",
    "kill": "calls lost at SIGKILL",
    "parallel": "eight processes logging at once",
    "ingest": "segments into records",
    "series": "one series of 100,000 points through the API",
    "search": "10,000 runs searched through the API",
    "mlflow": "MLflow's client against a hub and its own server",
    "wandb_runs": "10,000 runs listed by W&B's client",
    "wandb": "W&B's client against a hub and a server that only answers",
    "disk": "bytes a point",
    "init": "madang.init in the training process",
    "start": "start-up of commands",
    "size": "the base install",
    "memory": "an idle hub",
    "repro": "pipelines: nothing to do, the cost of a stage, templates",
    "small": "data: many small files",
    "large": "data: one large file",
    "s3": "data: to S3 on loopback and back",
    "many": "data: a million files, one of them changed",  # last: see `Bench.drop_later`
}


def main() -> int:
    options = _options()
    if options.madang:
        measure_instead(options.madang)
    asked = options.only.split(",") if options.only else list(WORKLOADS)
    names = [name for name in WORKLOADS if name in asked]
    unknown = [name for name in asked if name not in WORKLOADS]
    if unknown:
        print(f"no such workload: {', '.join(unknown)}; there are {', '.join(WORKLOADS)}", file=sys.stderr)
        return 2
    machine = {
        "cores": CORES,
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
        "peers": versions(),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    print(f"{CORES} cores, Python {machine['python']}, {machine['system']}, load {machine['load']:.1f}")
    print("peers: " + ", ".join(versions().values()))
    scratch = Path(tempfile.mkdtemp(prefix="madang-bench-", dir=options.scratch))
    bench = Bench(
        quick=options.quick, full=options.full, repeats=options.repeats or (2 if options.quick else 5), scratch=scratch
    )
    results: dict[str, list[Table]] = {}
    try:
        for name in names:
            results[name] = _measure(name, bench)
            bench.drop_all()
            _write(options, results, machine)  # after each: a run that is interrupted keeps what it has
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _verdict(results)


def _write(options: argparse.Namespace, results: dict[str, list[Table]], machine: dict[str, object]) -> None:
    if options.json:
        Path(options.json).write_text(to_json(results, machine))
    if options.markdown:
        tables = [table.markdown() for found in results.values() for table in found]
        Path(options.markdown).write_text("\n".join(tables))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help=f"comma-separated, of: {', '.join(WORKLOADS)}")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer: a look, not a result")
    parser.add_argument("--full", action="store_true", help="data: 50,000 files and 4 GB instead of 5,000 and 512 MB")
    parser.add_argument("--repeats", type=int, default=0, help="5, or 2 with --quick")
    parser.add_argument("--json", default="", metavar="FILE", help="all figures as JSON")
    parser.add_argument("--markdown", default="", metavar="FILE", help="the tables, to paste into docs/benchmarks.md")
    parser.add_argument("--scratch", default=None, metavar="DIR", help="where to work (default: the temporary folder)")
    parser.add_argument("--madang", default="", metavar="DIR", help="measure another checkout of madang than this one")
    return parser.parse_args()


def _measure(name: str, bench: Bench) -> list[Table]:
    print(f"\n… {name}: {WORKLOADS[name]}", flush=True)
    began = time.monotonic()
    try:
        tables: list[Table] = importlib.import_module(f"workloads.{name}").measure(bench)
    except Failed as error:
        tables = [Table(f"{name}: could not be measured", "", notes=[str(error)])]
    except Exception:  # one workload that breaks must not take the others' figures away
        traceback.print_exc()
        tables = [Table(f"{name}: could not be measured", "")]
    for table in tables:
        print(table.text(), flush=True)
    print(f"    ({time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f})", flush=True)
    return tables


def _verdict(results: dict[str, list[Table]]) -> int:
    checks = [(name, check) for name, tables in results.items() for table in tables for check in table.checks]
    failed = [(name, check) for name, check in checks if not check.passed]
    unmeasured = [name for name, tables in results.items() if not any(table.checks for table in tables)]
    print(f"\n{len(checks) - len(failed)} of {len(checks)} bounds held.")
    for name, check in failed:
        print(f"  {name}:{check.line()[1:]}")
    if unmeasured:
        print(f"  without any figure of madang: {', '.join(unmeasured)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
