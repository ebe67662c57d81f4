"""The values of a garbage collection: what is to be kept, what goes, what stays for whom."""

from __future__ import annotations

from dataclasses import field

from madang.domain.values import mutable, value
from madang.workspace.data.files import undoing
from madang.workspace.data.repo.settings import RemoteConfig


@value
class Scope:
    """What is to be kept, by the options of dvc."""

    branches: bool = False
    tags: bool = False
    every: bool = False
    experiments: bool = False
    revision: str = ""
    num: int = 1
    since: str = ""
    projects: tuple[str, ...] = ()  # other repositories that share the cache
    not_in_remote: bool = False
    cloud: bool = False
    remote: str | None = None
    skip_failed: bool = False
    jobs: int | None = None


@value
class Item:
    """One object that goes."""

    name: str
    key: str  # its path below the store
    size: int  # bytes
    is_freed: bool = True  # False: another name of the same file stays


@mutable
class Part:
    """What goes from one store."""

    label: str  # "repo cache", "legacy cache" or "remote NAME"
    folder: str  # or the address of the remote
    items: list[Item] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the objects that go."""
        return sum(item.size for item in self.items)

    @property
    def freed(self) -> int:
        """Bytes that the disk gets back."""
        return sum(item.size for item in self.items if item.is_freed)


@mutable
class Kept:
    """Objects that the options alone would not keep."""

    label: str
    objects: int = 0
    size: int = 0


@mutable
class Plan:
    """What a collection removes and what it keeps."""

    local: list[Part] = field(default_factory=list)
    remotes: list[tuple[RemoteConfig, Part]] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # listings of past states that are nowhere
    failed: list[str] = field(default_factory=list)  # states passed over
    expired: list[undoing.Kept] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def parts(self) -> list[Part]:
        """Local ones, then remotes."""
        return [*self.local, *(part for _, part in self.remotes)]

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not self.expired and not any(part.items for part in self.parts)
