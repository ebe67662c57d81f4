"""Which source an address means: `./mlruns`, `sqlite:///mlflow.db`, a database file, `postgresql://…`, `http://…`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from madang.domain.foreign import Source
from madang.errors import InvalidInput, NotFound
from madang.workspace.moving.database import PostgresDatabase, SqliteDatabase, is_sqlite, sqlite_path, without_password
from madang.workspace.moving.mlflow_database import SqlStore
from madang.workspace.moving.mlflow_files import FileStore
from madang.workspace.moving.places import OpenStore, Places, no_stores

_BESIDE = ("mlruns", "mlartifacts", "artifacts")  # where `mlflow server` puts files, beside the database


def open_mlflow(
    address: str, named: Sequence[str], env: Mapping[str, str], open_store: OpenStore
) -> tuple[Source, bool]:
    """The source that an address means, and whether it lies on this machine.

    ``named`` are folders from which files may be read besides; ``env`` holds MLflow's variables with credentials.

    Raises:
        NotFound: there is nothing of the kind.
        InvalidInput: an address of another kind.
        Unavailable: it does not answer.
    """
    scheme = address.partition(":")[0].lower() if "://" in address else ""
    kind = scheme.partition("+")[0]
    if kind in ("http", "https"):
        from madang.workspace.moving.mlflow_server import MlflowServer  # noqa: PLC0415 - an HTTP client is loaded on use

        return MlflowServer(address, env, Places((), named, open_store)), False
    if kind in ("postgresql", "postgres"):
        name = without_password(address)
        return SqlStore(name, PostgresDatabase(address), Places((), named, open_store)), True
    path = sqlite_path(address) if kind == "sqlite" else address.removeprefix("file://") if kind == "file" else address
    if kind not in ("", "sqlite", "file"):
        raise InvalidInput(
            f"madang does not import from {kind}://.",
            hint="Give a folder (./mlruns), a database (sqlite:///mlflow.db) or the address of a server.",
        )
    if os.path.isfile(path) and (kind == "sqlite" or is_sqlite(path)):
        folder = os.path.dirname(os.path.abspath(path))
        roots = [os.path.join(folder, name) for name in _BESIDE]
        return SqlStore(os.path.abspath(path), SqliteDatabase(path), Places(roots, named, open_store)), True
    if kind == "sqlite" or not os.path.isdir(path):
        raise NotFound(f"There is no file store and no database of MLflow at {path}.")
    return FileStore(path, named, open_store), True


def reread(path: str, files: str) -> Source:
    """A database that was just written, with its files in a folder."""
    return SqlStore(path, SqliteDatabase(path), Places([files], [files], no_stores))
