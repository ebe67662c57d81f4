"""Staging folders of many threads at once: nobody clears away what another has just made."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from madang.staging import Staging


def test_many_at_once(tmp_path: Path) -> None:
    """Every one of many stagings that begin and end together puts its file in place."""

    def write(number: int) -> None:
        with Staging(str(tmp_path)) as staging:
            aside = staging.new_path()
            Path(aside).write_text(str(number))
            staging.add(aside, str(tmp_path / f"{number}.txt"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(300)))
    assert sorted(int(path.stem) for path in tmp_path.glob("*.txt")) == list(range(300))
    assert list((tmp_path / ".incoming").iterdir()) == []
