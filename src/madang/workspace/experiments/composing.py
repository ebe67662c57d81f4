"""``params.yaml`` as Hydra composes it, for repositories whose configuration has ``hydra.enabled``.

Source of what is composed from where: dvc 3.67 (docs/experiments.md). Hydra is an optional package.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from madang.domain.values import value
from madang.errors import Incompatible, InvalidInput
from madang.formats.dvc.overrides import Override
from madang.formats.dvc.overrides_writing import as_text
from madang.workspace.data.records.trees import CommitTree, FileTree
from madang.workspace.data.repo.repository import Repository

Compose = Callable[[Sequence[Override]], bytes]
"""The text of ``params.yaml`` with these overrides.

Raises:
    Incompatible: Hydra is not installed. InvalidInput: it cannot compose them, in its words.
"""


@value
class Settings:
    """Where Hydra finds what it composes: the section ``hydra`` of the configuration."""

    config_dir: str  # relative to the repository's root; "" when a module of Python has the files
    config_module: str
    config_name: str  # of the first file, without its ending
    plugins: str  # folder that has a package `hydra_plugins`, relative to the root


def settings_of(repository: Repository) -> Settings | None:
    """The settings of a repository; None when nothing is to be composed."""
    given = repository.settings.sections.get("hydra", {})
    if not repository.settings.is_true("hydra", "enabled"):
        return None
    module = given.get("config_module", "")
    folder = "" if module else given.get("config_dir", "conf")
    return Settings(folder, module, given.get("config_name", "config"), given.get("plugins_path", ""))


def of_work_tree(repository: Repository) -> Compose | None:
    """Composes what lies in the work tree; None when nothing is to be composed."""
    settings = settings_of(repository)
    return None if settings is None else lambda overrides: _composed(settings, repository.root, overrides)


def of_commit(repository: Repository, commit: str) -> Compose | None:
    """Composes what a commit has."""
    settings = settings_of(repository)
    if settings is None:
        return None

    def compose(overrides: Sequence[Override]) -> bytes:
        with tempfile.TemporaryDirectory(prefix="madang-hydra-") as folder:
            tree = CommitTree(repository, commit)
            for path in filter(None, (settings.config_dir, settings.plugins)):
                _write_out(tree, os.path.normpath(path), folder)
            return _composed(settings, folder, overrides)

    return compose


def _write_out(tree: FileTree, path: str, root: str) -> None:
    """Write the files below a path of a tree."""
    for entry in tree.entries(path):
        below = f"{path}/{entry.name}"
        if entry.is_dir:
            _write_out(tree, below, root)
        elif (body := tree.read(below)) is not None:
            place = os.path.join(root, below)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(body)


def _composed(settings: Settings, root: str, overrides: Sequence[Override]) -> bytes:
    try:
        import hydra  # noqa: PLC0415 - an optional package, and slow to load
        from hydra.errors import HydraException  # noqa: PLC0415 - as above
        from omegaconf import OmegaConf  # noqa: PLC0415 - as above
        from omegaconf.errors import OmegaConfBaseException  # noqa: PLC0415 - as above
        from yaml import YAMLError  # noqa: PLC0415 - as above
    except ImportError:
        raise Incompatible(
            "Parameters are composed with Hydra here (hydra.enabled), which is not installed.",
            hint="pip install 'madang[hydra]', or use --no-hydra.",
        ) from None
    words = [as_text(one) for one in overrides]
    try:
        with _plugins_found(os.path.join(root, settings.plugins)), _opened(settings, root):
            found = hydra.compose(config_name=settings.config_name, overrides=words)
        OmegaConf.resolve(found)
        return OmegaConf.to_yaml(found).encode()
    except (HydraException, OmegaConfBaseException, YAMLError, OSError) as error:
        why = " ".join(str(error).split())
        raise InvalidInput(f"Hydra cannot compose the parameters: {why}", hint="--no-hydra leaves it out.") from error


def _opened(settings: Settings, root: str) -> AbstractContextManager[object]:
    import hydra  # noqa: PLC0415 - an optional package, and slow to load

    if settings.config_module:
        return hydra.initialize_config_module(settings.config_module, version_base=None)
    return hydra.initialize_config_dir(os.path.join(root, settings.config_dir), version_base=None)


@contextmanager
def _plugins_found(folder: str) -> Iterator[None]:
    """Let Hydra find its plugins in a folder, too."""
    from hydra.core.plugins import Plugins  # noqa: PLC0415 - an optional package, and slow to load

    sys.path.append(folder)
    try:
        Plugins.instance()
        yield
    finally:
        sys.path.remove(folder)
