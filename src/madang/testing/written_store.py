"""A store whose runs are written by hand, for tests of what reads and sends them."""

from __future__ import annotations

import os
from pathlib import Path

from blake3 import blake3

from madang.formats import segment as codec
from madang.formats import store as layout
from madang.testing.segment_files import segment_files


class WrittenStore:
    """A store that is written by hand."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        layout.ensure(self.path)

    def blob(self, data: bytes) -> dict[str, object]:
        """Keep a blob; the fields that name it."""
        digest = "blake3:" + blake3(data).hexdigest()
        place = Path(layout.blob_path(self.path, digest))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return {"digest": digest, "size": len(data)}

    def writer(self, run: str = "", project: str = "프로젝트", writer: str = "process") -> codec.SegmentWriter:
        """Begin a segment."""
        run = run or os.urandom(16).hex()
        segment = os.urandom(16).hex()
        path = Path(layout.segment_path(self.path, run, segment))
        path.parent.mkdir(parents=True, exist_ok=True)
        header = {"run": run, "project": project, "writer": writer, "host": "h", "user": "u", "pid": 1}
        return codec.SegmentWriter(str(path), segment, header)

    def run(self, points: int = 50) -> str:
        """A finished run of two segments with metrics, a file, a version and code."""
        run = os.urandom(16).hex()
        for kind in ("process", "follower"):
            writer = self.writer(run, writer=kind)
            if kind == "process":
                writer.append(codec.STARTED, {"name": "이름", "command": ["a"]})
                writer.append(codec.CONFIG, {"set": {"lr": 0.1, "big": 2**80}})
                writer.append(codec.FILE, {"path": "plot.png", **self.blob(b"plot" + run.encode())})
                entry = self.blob(b"w" * 100_000)
                entries = [["model.bin", entry["digest"], entry["size"]]]
                writer.append(codec.VERSION, {"name": "m", "type": "model", "entries": entries})
            else:
                writer.append(codec.CODE, {"commit": "c", "dirty": True, "diff": self.blob(b"diff of " + run.encode())})
            for step in range(points):
                writer.metrics({"loss": 1 / (step + 1), "n": step, "글": "값", "nan": float("nan")}, step)
            if kind == "process":
                writer.append(codec.FINISHED, {"status": "finished"})
            writer.close()
        return run

    def segments(self, run: str) -> dict[str, bytes]:
        """The bytes of a run's segments, by "run/segment"."""
        folder = Path(layout.run_dir(self.path, run))
        return {f"{run}/{segment}": data for segment, data in segment_files(folder).items()}
