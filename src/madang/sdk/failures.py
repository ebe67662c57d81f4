"""How errors that nobody caught become the outcome of a run."""

from __future__ import annotations

from madang.domain import redact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from madang.sdk.run import Run

LONGEST = 1 << 20  # characters of a traceback


def describe(error: BaseException) -> dict[str, str]:
    """Type, message and traceback, secrets taken out."""
    import traceback

    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    text = "".join(traceback.format_exception(error))
    if len(text) > LONGEST:
        text = text[: LONGEST // 2] + "\n…\n" + text[-LONGEST // 2 :]
    return {"type": name, "message": redact.text(_message(error)), "traceback": redact.text(text)}


def _message(error: BaseException) -> str:
    try:
        return str(error)[:10_000]
    except Exception as broken:  # noqa: BLE001 - a user's own __str__ may do anything
        return f"(its text failed with {type(broken).__name__})"


def end_with(run: Run, error: BaseException) -> None:
    """End the run as the error says: an interrupt kills it, an exit with a code fails it."""
    if isinstance(error, KeyboardInterrupt):
        run.end("killed", signal=2)
    elif isinstance(error, SystemExit):
        end_with_code(run, error.code)
    elif isinstance(error, GeneratorExit):
        run.end("finished")
    else:
        run.end("failed", exit_code=1, error=describe(error))


def end_with_code(run: Run, code: Any) -> None:
    """End the run as `sys.exit(code)` ends the process."""
    if run.signalled:
        run.end("killed", signal=run.signalled)
    elif code is None or code == 0:
        run.end("finished", exit_code=0)
    else:
        run.end("failed", exit_code=int(code) if isinstance(code, int) else 1)
