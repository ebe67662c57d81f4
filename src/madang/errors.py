"""The error tree: one base, branches by what the caller can do about it.

    MadangError
    ├── InvalidInput          fix what you passed
    │   └── UsageError        … on the command line (exit 2)
    ├── NotFound              name another thing
    ├── Conflict              look at the present state, then decide again
    │   └── Diverged          two different histories claim one name: keep both, ask a person
    ├── Refused               not done because it is unsafe; the message names the flag that allows it
    ├── Unauthenticated       say who you are
    ├── AccessDenied          ask for the permission
    ├── TooLarge              send less
    ├── ConfigError           fix the configuration
    ├── NotAWorkspace         go to, or make, a workspace
    ├── Incompatible          upgrade: the data was written by a newer release
    ├── CorruptData           restore from another copy
    ├── StorageError          the disk or database refused (full, read-only, failing)
    └── Unavailable           try again later: a server or remote is down or slow

Each class has a stable ``code``; codes are only ever added. A message says what happened and to which thing,
``hint`` says the next step.
"""

from __future__ import annotations


class MadangError(Exception):
    """Base of every error that madang raises on purpose."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[MadangError], message: str, hint: str) -> MadangError:
    return kind(message, hint=hint)


class InvalidInput(MadangError):
    """A value that was passed in cannot be accepted."""

    code = "invalid-input"


class UsageError(InvalidInput):
    """The command line makes no sense."""

    code = "usage"
    exit_code = 2


class NotFound(MadangError):
    """The named thing does not exist, or the caller may not know that it does."""

    code = "not-found"


class Conflict(MadangError):
    """The thing changed, or exists already."""

    code = "conflict"


class Diverged(Conflict):
    """Two different histories claim the same name."""

    code = "diverged"


class Refused(MadangError):
    """Not done because it would be unsafe."""

    code = "refused"


class Unauthenticated(MadangError):
    """The caller did not show who they are, or the credential is not valid."""

    code = "unauthenticated"


class AccessDenied(MadangError):
    """The caller is known and lacks the permission."""

    code = "access-denied"


class TooLarge(MadangError):
    """The request or value is over a limit."""

    code = "too-large"


class ConfigError(MadangError):
    """A configuration file, option or environment variable is wrong."""

    code = "config"


class NotAWorkspace(MadangError):
    """The command needs a workspace (or a data repository) and there is none here."""

    code = "not-a-workspace"


class Incompatible(MadangError):
    """The data was written by a newer release of madang."""

    code = "incompatible"


class CorruptData(MadangError):
    """Stored bytes are not what they should be."""

    code = "corrupt-data"


class StorageError(MadangError):
    """A disk or a database refused to read or write."""

    code = "storage"


class Unavailable(MadangError):
    """A server or a remote does not answer, or asked to be left alone for now."""

    code = "unavailable"
