"""The packages of an interpreter: imported by the follower, or run as a script by the interpreter in question.

Standard library only, and nothing of madang: the interpreter may be another one, without madang in it.
"""

from __future__ import annotations

import json
import os
import sys


def report(paths: list[str] | None = None) -> dict[str, object]:
    """What this interpreter is and has installed; ``watch`` are folders and files that change when that does."""
    search = sys.path if paths is None else paths
    conda = [os.path.join(sys.prefix, "conda-meta")] if _is_conda() else []
    return {
        "python": ".".join(map(str, sys.version_info[:3])),
        "implementation": sys.implementation.name,
        "packages": packages(search),
        "prefix": sys.prefix,
        "watch": [*(path for path in search if path), *conda, os.path.join(sys.prefix, "pyvenv.cfg")],
    }


def packages(paths: list[str]) -> list[list[str]]:
    """[name, version, origin] of every distribution on the path, the first of a name wins, sorted by name.

    The name and version stand in the name of the metadata folder (packaging.python.org, "Recording installed
    projects"), which saves opening hundreds of files. Origin: ``index``, ``conda``, the address of a direct
    installation (PEP 610), with the commit for a repository, or ``editable`` and the folder.
    """
    found = {name: item for name, (item, _) in _distributions(paths).items()}
    for item in _conda_packages() if _is_conda() else []:
        found.setdefault(item[0], item)
    return [found[name] for name in sorted(found)]


def folders(paths: list[str]) -> list[list[str]]:
    """As `packages`, each with the path of its metadata folder behind it."""
    return [[*item, path] for _, (item, path) in sorted(_distributions(paths).items())]


def base_executable() -> str:
    """The interpreter from which this one's virtual environment was made; this one outside of any."""
    if sys.prefix == sys.base_prefix:
        return sys.executable
    named = str(getattr(sys, "_base_executable", ""))
    if named and named != sys.executable:
        return named
    return os.path.join(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info[:2]))  # before Python 3.11


def _is_conda() -> bool:
    return os.path.isdir(os.path.join(sys.prefix, "conda-meta"))


def _distributions(paths: list[str]) -> dict[str, tuple[list[str], str]]:
    conda = _is_conda()
    found: dict[str, tuple[list[str], str]] = {}
    for folder in paths:
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder or ".", name)
            item = _distribution(path, name, conda)
            if item is not None:
                found.setdefault(item[0], (item, path))
    return found


def _conda_packages() -> list[list[str]]:
    """What conda has installed beside Python packages: compilers, CUDA, MKL. Records: name-version-build.json."""
    try:
        names = sorted(os.listdir(os.path.join(sys.prefix, "conda-meta")))
    except OSError:
        return []
    parts = [name[:-5].rsplit("-", 2) for name in names if name.endswith(".json")]
    return [[_normal(part[0]), part[1], "conda"] for part in parts if len(part) == 3]


def _distribution(path: str, name: str, conda: bool) -> list[str] | None:
    if name.endswith(".dist-info"):
        project, _, version = name[:-10].partition("-")
        if not version or version.count("-"):
            project, version = _metadata(os.path.join(path, "METADATA"))
        return [_normal(project), version, _origin(path, conda)] if project else None
    if name.endswith(".egg-info"):
        project, _, version = name[:-9].partition("-")
        version = version.partition("-py")[0]
        if not version:
            project, version = _metadata(os.path.join(path, "PKG-INFO") if os.path.isdir(path) else path)
        return [_normal(project), version, "conda" if conda else "system"] if project else None
    return None


def _normal(name: str) -> str:
    """The name as indexes compare it (PEP 503)."""
    plain = name.lower().replace("_", "-").replace(".", "-")
    while "--" in plain:
        plain = plain.replace("--", "-")
    return plain


def _metadata(path: str) -> tuple[str, str]:
    name = version = ""
    for line in _read(path).splitlines():
        if line.startswith("Name: "):
            name = name or line[6:].strip()
        elif line.startswith("Version: "):
            version = version or line[9:].strip()
        elif not line:
            break
    return name, version


def _origin(path: str, conda: bool) -> str:
    text = _read(os.path.join(path, "direct_url.json"))
    if not text:
        return "conda" if conda and _read(os.path.join(path, "INSTALLER")).strip() == "conda" else "index"
    try:
        record = json.loads(text)
        url = _plain_url(str(record["url"]))
        if isinstance(record.get("vcs_info"), dict):
            return "{}+{}@{}".format(record["vcs_info"].get("vcs", "git"), url, record["vcs_info"].get("commit_id", ""))
        if isinstance(record.get("dir_info"), dict):
            return ("editable " if record["dir_info"].get("editable") else "") + url
        hashes = (record.get("archive_info") or {}).get("hashes") or {}
        return url + "".join(f"#{name}={value}" for name, value in sorted(hashes.items())[:1])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "unknown"


def _plain_url(url: str) -> str:
    """Without the credentials that an address may carry."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path if mark else url


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except OSError:
        return ""


if __name__ == "__main__":
    told = report(sys.path[1:])
    if sys.argv[1:] == ["--folders"]:
        told["folders"] = folders(sys.path[1:])
        told["base"] = base_executable()
    sys.stdout.write(json.dumps(told))
