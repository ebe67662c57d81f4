"""The run as the writing process holds it."""

from __future__ import annotations

from madang.domain import redact
from madang.formats import segment as codec
from madang.formats import store as layout
from madang.sdk.core import Core
from madang.sdk.writer import Closed, RunWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Literal, Self

    from madang.formats.store import StorePaths
    from madang.sdk.artifacts import LoggedVersion
    from madang.sdk.config import Config
    from madang.sdk.summary import Summary

active: list[Run] = []  # the runs that this process has open, oldest first


class Run(Core):
    """An open run. Get one from `madang.init`; every method may be called from any thread and from signal handlers.

    ``log`` and its kin return when the event is with the operating system: no later crash of the process takes it
    back. They raise StorageError when the disk refuses.
    """

    def __init__(
        self, header: dict[str, Any], name: str, places: StorePaths, mode: str, hub: str = "", *, attached: bool = False
    ) -> None:
        super().__init__(header, places, silent=mode == "disabled", attached=attached)
        self.project: str = header["project"]
        self.name = name
        self.mode = mode
        self.hub = hub
        self.rank: int = header.get("rank", 0)
        self.status = "running"
        self.signalled = 0  # a signal that asked the process to end
        self.failure: dict[str, str] | None = None  # an error that has not ended the process (yet)
        self.finishers: list[Callable[[], None]] = []  # those who have something left to write before the end
        self._ending = False
        self._begun: dict[str, Any] = {}
        self._config: Config | None = None
        self._summary: Summary | None = None

    def begin(self, kind: int, **body: Any) -> None:
        """Write a `started` or `resumed` event; a later one says all of the first again, and more."""
        self._begun.update(body)
        self.append(kind, self._begun)

    def __repr__(self) -> str:
        return f"<madang run {self.name!r} {self.id} ({self.status})>"

    @property
    def url(self) -> str:
        """Where the run is on the hub's web page; empty without a hub."""
        return f"{self.hub.rstrip('/')}/runs/{self.id}" if self.hub else ""

    @property
    def config(self) -> Config:
        """The parameters: read and set by attribute or item; nested keys are joined with a dot."""
        if self._config is None:
            from madang.sdk.config import Config

            self._config = Config(self)
        return self._config

    @config.setter
    def config(self, values: Mapping[str, Any]) -> None:
        self.config.update(values)

    @property
    def summary(self) -> Summary:
        """One value a metric, as `define_metric` says (the last by default), and the values set by hand."""
        if self._summary is None:
            from madang.sdk.summary import Summary

            self._summary = Summary(self)
        return self._summary

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Set parameters; the same as ``run.config.update(params)``."""
        self.config.update(params)

    def define_metric(
        self,
        key: str,
        *,
        goal: Literal["", "min", "max"] = "",
        summary: Literal["", "last", "min", "max", "best", "mean", "none"] = "",
        step_metric: str = "",
        volatile: bool = False,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        """Say how a metric (or all that fit a pattern with ``*``) is summed up, drawn and compared.

        ``volatile`` metrics, such as times, are left out when a run is reproduced; ``rtol`` and ``atol`` are the
        bounds within which a reproduced value counts as the same.

        Raises:
            InvalidInput: an unknown goal or summary.
        """
        from madang.sdk.describe import definition

        self.append(
            codec.DEFINE_METRIC,
            definition(
                key, goal=goal, summary=summary, step_metric=step_metric, volatile=volatile, rtol=rtol, atol=atol
            ),
        )

    def set_tags(self, tags: Mapping[str, Any] | Iterable[str]) -> None:
        """Set tags: a mapping of names to texts, or bare labels."""
        from madang.sdk.describe import tag_set

        self.append(codec.TAGS, {"set": tag_set(tags)})

    def remove_tags(self, names: Iterable[str]) -> None:
        """Take tags away: one name, or several.

        Raises:
            InvalidInput: they are no names.
        """
        from madang.sdk.describe import tag_names

        self.append(codec.REMOVED, {"what": "tags", "keys": tag_names(names)})

    def describe(
        self,
        *,
        name: str | None = None,
        notes: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
    ) -> None:
        """Change the name, notes, group or job type.

        Raises:
            InvalidInput: one of them is not a text.
        """
        from madang.sdk.describe import check_text

        given = {"name": name, "notes": notes, "group": group, "job_type": job_type}
        for what, text in given.items():
            check_text(what, text)
        self.append(codec.DESCRIBED, {key: redact.text(text) for key, text in given.items() if text is not None})
        self.name = self.name if name is None else name

    # -- files --------------------------------------------------------------------------------------------------

    def log_artifact(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        type: str = "file",
        aliases: Iterable[str] = (),
        *,
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> LoggedVersion:
        """Copy a file or folder into the store as a new version of ``name`` (the file's own name by default).

        Raises:
            NotFound: nothing is at the path.
            InvalidInput: a wrong name, or an empty folder.
            StorageError: the disk refused.
        """
        from madang.sdk import artifacts

        return artifacts.log_artifact(self, path, name, type, aliases, description=description, metadata=metadata)

    def log_model(
        self,
        model: Any,
        name: str,
        aliases: Iterable[str] = (),
        *,
        allow_pickle: bool = False,
        metadata: Mapping[str, Any] | None = None,
        input_example: Any = None,
        signature: Any = None,
    ) -> LoggedVersion:
        """Record a model as a version of type model, in a safe format; a path is taken as it is.

        scikit-learn goes to skops, PyTorch weights to safetensors, XGBoost, LightGBM and ONNX to their own formats.
        ``input_example`` is stored with it, and the signature that requests are held against inferred from it.

        Raises:
            Refused: only a pickle could hold the model, and ``allow_pickle`` is false.
        """
        from madang.sdk import models

        return models.log_model(
            self,
            model,
            name,
            aliases,
            allow_pickle=allow_pickle,
            metadata=metadata,
            input_example=input_example,
            signature=signature,
        )

    def use(self, ref: str | os.PathLike[str]) -> str:
        """Declare an input (``data/x.csv``, or a version such as ``name:latest``) and return a path to read it from.

        Raises:
            NotFound: it is neither a path nor a version.
        """
        from madang.sdk import artifacts

        return artifacts.use(self, ref)

    def log_image(self, key: str, image: Any, step: int | None = None, *, caption: str = "") -> None:
        """Record an image at a step (the last one by default): a path, an array or tensor, or a Pillow image."""
        from madang.sdk import media

        media.log_image(self, key, image, step, caption)

    def log_figure(self, key: str, figure: Any, step: int | None = None) -> None:
        """Record a matplotlib or Plotly figure at a step."""
        from madang.sdk import media

        media.log_figure(self, key, figure, step)

    def log_table(self, key: str, rows: Any, columns: Sequence[str] | None = None, step: int | None = None) -> None:
        """Record a table: a DataFrame, a mapping of columns, a list of mappings, or rows with ``columns``."""
        from madang.sdk import media

        media.log_table(self, key, rows, columns, step)

    def log_text(self, key: str, text: str, step: int | None = None) -> None:
        """Record a text."""
        from madang.sdk import media

        media.log_text(self, key, text, step)

    def log_html(self, key: str, page: str | os.PathLike[str], step: int | None = None) -> None:
        """Record a page: its text, or a path to an .html file."""
        from madang.sdk import media

        media.log_html(self, key, page, step)

    def log_histogram(self, key: str, values: Any, bins: int = 64, step: int | None = None) -> None:
        """Record how values are distributed: numbers, an array, or what `numpy.histogram` returned."""
        from madang.sdk import media

        media.log_histogram(self, key, values, bins, step)

    def log_confusion_matrix(
        self,
        key: str,
        truth: Any = None,
        predicted: Any = None,
        *,
        matrix: Any = None,
        labels: Sequence[Any] | None = None,
        step: int | None = None,
    ) -> None:
        """Record a confusion matrix, counted from true and predicted classes or given as ``matrix``."""
        from madang.sdk import media

        media.log_confusion_matrix(self, key, truth, predicted, matrix, labels, step)

    def alert(self, title: str, text: str = "", level: Literal["info", "warn", "error"] = "info") -> None:
        """Record something that a person should look at."""
        self.append(codec.ALERT, {"title": redact.text(str(title)), "text": redact.text(str(text)), "level": level})

    def rewind(self, step: int) -> None:
        """Hide the points at this step and later: training goes back to a checkpoint. Nothing is erased.

        Raises:
            InvalidInput: the step is not an integer.
        """
        from madang.sdk.describe import whole_step

        step = whole_step(step)
        self.append(codec.REWOUND, {"step": step})
        self.last_step = step - 1

    # -- the end ------------------------------------------------------------------------------------------------

    def finish(self, exit_code: int = 0) -> None:
        """End the run: ``finished``, or ``failed`` when the code is not 0. A second call does nothing.

        Raises:
            InvalidInput: the code is not an integer; the run goes on.
        """
        code = exit_code
        if type(code) is not int:
            from madang.sdk.describe import whole_code

            code = whole_code(code)
        self.end("failed" if code else "finished", exit_code=code)

    def end(
        self,
        status: str,
        *,
        exit_code: int | None = None,
        signal: int | None = None,
        error: dict[str, str] | None = None,
        wait: bool = True,
    ) -> None:
        """End the run with an outcome; in a child process only the child's part of it.

        Without ``wait`` the caller has to call `finish.settle` later: until then the follower may not be done with it.
        """
        with self._lock:
            if self._ending:
                return
            self._ending = True
        from madang.sdk.finish import end

        end(self, {"status": status, "exit_code": exit_code, "signal": signal, "error": error}, wait)

    def close(self, status: str) -> dict[str, int]:
        """Close the segments after the last event, and return their sizes; what is logged later is refused.

        The locks stay until `release`: by them the follower finds a run that was over in a moment.
        """
        sizes: dict[str, int] = {}
        with self._lock:
            self.status = status
            writers = [self._writer, *self._spare]
            self._spare.clear()
            self._writer = Closed(self.id)
            self._metrics = self._writer.metrics
            if self in active:
                active.remove(self)
            for writer in writers:
                if isinstance(writer, RunWriter):
                    sizes[writer.segment] = writer.offset
                    try:
                        writer.sync()
                    finally:
                        writer.close()
        return sizes

    def release(self, segments: Iterable[str]) -> None:
        """Give the locks of closed segments back."""
        for segment in segments:
            layout.release(layout.lock_path(self.places.store, self.id, segment))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
            return
        from madang.sdk.failures import end_with
        from madang.sdk.hooks import quietly

        quietly(end_with, self, error)  # the program's own error is the one to see

    def __reduce__(self) -> tuple[Any, ...]:
        from madang.sdk.init import attach

        places = (self.places.root, self.places.git_common_dir, self.places.store)
        return attach, (self._header, self.name, places, self.mode, self.hub, self.last_step, self.segment)
