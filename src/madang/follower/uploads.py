"""Uploads beside the follower's other work: a hub that is slow or down holds up nothing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

from madang.client.http import HubClient
from madang.client.upload import RunUpload
from madang.durable import write_file
from madang.errors import MadangError, Unavailable
from madang.formats import store as layout

EVERY = 0.25  # seconds between two looks for new bytes; a process that ends waits this long
FIRST_PAUSE = 1.0  # seconds after a failure; doubled each time
LAST_PAUSE = 30.0
GIVE_UP = 900.0  # seconds after the end of a run


class Upload:
    """The upload of one run, as the follower sees it."""

    def __init__(self, run: str, work: RunUpload) -> None:
        self.run = run
        self.over = False  # nothing is left to send, or there is no hope
        self.work = work
        self.ended_at = 0.0
        self.next_try = 0.0
        self.pause = FIRST_PAUSE
        self.said = ""
        self.tried_after_end = False

    def end(self) -> None:
        """Nothing more will be written: send what is left and be over."""
        self.ended_at = time.monotonic()

    def due(self, now: float) -> bool:
        """Whether to try now: after a pause, or at once when the run has ended since the last try."""
        return now >= self.next_try or (self.ended_at > 0.0 and not self.tried_after_end)


class Uploads:
    """One thread that uploads every run that has a hub."""

    def __init__(self, store: str, say: Callable[[str], None]) -> None:
        self._store = store
        self._say = say
        self._uploads: dict[str, Upload] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def want(self, run: str, address: str, env: Mapping[str, str]) -> Upload | None:
        """Begin to upload a run to a hub; None when the hub's address makes no sense."""
        try:
            client = HubClient(address, env, attempts=1)
        except MadangError as error:
            self._say(f"run {run} is not uploaded: {error}")
            return None
        upload = Upload(run, RunUpload(client, self._store, run))
        self._uploads[run] = upload
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="uploads", daemon=True)
            self._thread.start()
        self.hurry()
        return upload

    def hurry(self) -> None:
        """Look at once: somebody may be waiting."""
        self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait(EVERY)
            self._wake.clear()
            for upload in list(self._uploads.values()):
                if upload.due(time.monotonic()):
                    self._advance(upload)
                if upload.over:
                    del self._uploads[upload.run]

    def _advance(self, upload: Upload) -> None:
        ended = upload.ended_at  # read before the bytes: what is written later is not the last
        upload.tried_after_end = ended > 0.0
        try:
            if upload.work.push() or ended:
                upload.work.write_synced()
        except (MadangError, OSError) as error:
            self._failed(upload, error, ended)
            return
        if upload.said:
            self._tell(upload.run, "")
        upload.pause, upload.next_try, upload.said = FIRST_PAUSE, 0.0, ""
        upload.over = ended > 0.0

    def _tell(self, run: str, refusal: str) -> None:
        """Leave word for the process that waits at the end of its run (docs/formats/store.md): waiting is of no use."""
        path = os.path.join(layout.run_dir(self._store, run), "refused")
        try:
            if refusal:
                write_file(path, refusal.encode())
            else:
                os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._say(f"cannot write {path}: {error}")

    def _failed(self, upload: Upload, error: MadangError | OSError, ended: float) -> None:
        text = str(error)
        if text != upload.said:
            upload.said = text
            self._say(f"run {upload.run} is not uploaded yet: {text}")
        hopeless = not isinstance(error, Unavailable | OSError)
        if hopeless:
            self._tell(upload.run, text)
        if ended and (hopeless or time.monotonic() - ended > GIVE_UP):
            self._say(f"run {upload.run}: gave up; `madang sync {upload.run}` sends the rest")
            upload.over = True
        upload.next_try = time.monotonic() + (LAST_PAUSE if hopeless and not ended else upload.pause)
        upload.pause = min(upload.pause * 2, LAST_PAUSE)
