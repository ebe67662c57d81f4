"""``import``, ``import-url`` and ``update``: track data that comes from elsewhere, and look there for newer bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import Any

from madang.domain.values import value
from madang.durable import write_file
from madang.errors import Incompatible, InvalidInput, NotFound, Refused
from madang.formats.dvc import dvcfile, imports, source_versions
from madang.formats.dvc.dvcfile import Content
from madang.workspace.data import progress
from madang.workspace.data.files import leftovers
from madang.workspace.data.files.adding import Manner, take
from madang.workspace.data.files.checkout import checkout
from madang.workspace.data.files.hashing import current_content
from madang.workspace.data.files.removing import delete_data
from madang.workspace.data.imports.bringing import Bringer, access_of
from madang.workspace.data.imports.from_sources import is_whole
from madang.workspace.data.imports.tracking import Imported, Text, track
from madang.workspace.data.records import placing
from madang.workspace.data.records.outs import Target, TrackedOut, outs_of
from madang.workspace.data.records.stages import Stage
from madang.workspace.data.repo.locks import hold
from madang.workspace.data.repo.repository import Repository
from madang.workspace.data.sources import addresses, clones, opening
from madang.workspace.data.sources.addresses import Address, Look, OpenRemote, open_address
from madang.workspace.data.sources.dep_entries import dep_entry, tag_key
from madang.workspace.data.sources.opening import Access


@value
class How:
    """How much of an import is done."""

    execute: bool = True  # False: only the record is written, the source is not asked
    download: bool = True  # False: the source is asked, its bytes are not brought
    force: bool = False  # replace what is in the way; it is kept for `undoing`
    jobs: int | None = None


def import_data(
    repository: Repository,
    url: str,
    path: str,
    out: str | None,
    open_remote: OpenRemote,
    *,
    revision: str | None = None,
    access: Access | None = None,
    how: How | None = None,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """Track a file or folder of another repository, at its present commit or that of ``revision``.

    The objects come first, then the record, then the work tree. ``extra`` are more keys of the out.

    Raises:
        NotFound: no such repository, revision or path. Conflict: something is at the place and not ``force``.
    """
    how = how or How()
    place = placing.destination(out, os.path.basename(os.path.normpath(path)))
    placing.check_place(repository, place, force=how.force)
    repo = repo_entry(url, revision, access or Access())
    content: Content | None = None
    if how.execute:
        bringer = Bringer(repository.cache, repository.private_dir, open_remote, jobs=how.jobs, meter=meter)
        with hold(repository, [place]), bringer.open(url, revision, access=access, committed=True) as source:
            repo = {**repo, "rev_lock": source.commit}
            if not how.download:
                if source.node(path) is None:
                    raise NotFound(f"{path!r} is not in {url!r}.", hint=f"madang list {url}")
            else:
                content = bringer.content(bringer.bring(source, path))
    text = _text(place, {"path": path or ".", "repo": _ordered(repo)}, content, how)
    return track(repository, place, content, text, command="import --force", force=how.force, extra=extra, meter=meter)


def _text(place: str, dep: Mapping[str, Any], content: Content | None, how: How) -> Text:
    return partial(imports.new, os.path.basename(place), dep, content, known=how.execute)


def repo_entry(url: str, revision: str | None, access: Access) -> dict[str, Any]:
    """The ``repo`` of a dependency, in dvc's form."""
    entry: dict[str, Any] = {"url": url, **({"rev": revision} if revision else {})}
    if access.remote and access.options:
        entry["config"] = {"core": {"remote": access.remote}, "remote": {access.remote: dict(access.options)}}
    else:
        if access.config:
            entry["config"] = access.config
        if access.remote or access.options:
            entry["remote"] = access.remote or dict(access.options)
    return entry


def _ordered(repo: Mapping[str, Any]) -> dict[str, Any]:
    return {key: repo[key] for key in ("url", "rev", "rev_lock", "config", "remote") if repo.get(key)}


def import_url(
    repository: Repository,
    url: str,
    out: str | None,
    open_remote: OpenRemote,
    *,
    how: How | None = None,
    options: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """Track a file or folder at an address: a path, http(s), s3, gs, azure, ssh, or ``remote://NAME/path``.

    With the option ``version_aware``, or a version in the address, the record names versions of the source, from which
    the bytes can be had later: they are not pushed.

    Raises:
        NotFound: nothing is there. Conflict: something is at the place and not ``force``.
        Incompatible: versions are asked for, and none are kept there.
    """
    how = how or How()
    given = dict(options or {})
    place = placing.destination(out, addresses.name_of(url))
    placing.check_place(repository, place, force=how.force)
    written = written_address(repository, url, os.path.dirname(place))
    with closing(open_address(url, open_remote, settings=repository.settings, options=given)) as address:
        look = address.look() if how.execute else None
        if look is not None and source_versions.is_wanted(given) and look.versions is None:
            raise Incompatible(f"No versions are kept at {url}.", hint="Leave out --version-aware.")
        found = _taken(repository, address, look, place, how, meter) if look is not None else None
        dep = dep_entry(written, address, look, found, given)
    if source_versions.is_wanted(given) or (look is not None and look.versions is not None):
        extra = {**(extra or {}), "push": False}
    content = found if how.download else None
    text = _text(place, dep, content, how)
    return track(
        repository, place, content, text, command="import-url --force", force=how.force, extra=extra, meter=meter
    )


def _taken(
    repository: Repository, address: Address, look: Look, place: str, how: How, meter: progress.Meter
) -> Content | None:
    """Bring what stands at an address into the cache, also where only its bytes tell what state it is in."""
    if not how.download and (look.tag is not None or look.versions is not None):
        return None
    with hold(repository, [place]):
        return address.take(repository.cache, meter, look.versions).content()


def add_copy(
    repository: Repository,
    url: str,
    place: str,
    open_remote: OpenRemote,
    *,
    force: bool = False,
    extra: Mapping[str, Any] | None = None,
    meter: progress.Meter = progress.silent,
) -> Imported:
    """Copy data at an address to ``place`` (absolute) and track it as data of this repository (``add --out``).

    Raises:
        Conflict: something is there, and not ``force``.
    """
    placing.check_place(repository, place, force=force)
    with closing(open_address(url, open_remote, settings=repository.settings)) as address, hold(repository, [place]):
        content = address.take(repository.cache, meter).content()
    text = partial(dvcfile.new, os.path.basename(place), content)
    return track(repository, place, content, text, command="add --force", force=force, extra=extra, meter=meter)


def written_address(repository: Repository, url: str, folder: str) -> str:
    """An address as a record in ``folder`` holds it: paths inside the repository, and relative ones, stay relative.

    ``file://`` is left out, as dvc does when it reads such a record, and a version: it has its own key.
    """
    url = source_versions.split(url)[0].removeprefix("file://")
    if "://" in url:
        return url
    path = os.path.abspath(url)
    if path.startswith(repository.root.rstrip(os.sep) + os.sep) or not os.path.isabs(url):
        return os.path.relpath(path, folder).replace(os.sep, "/")
    return url


def update(
    repository: Repository,
    stages: Sequence[Stage],
    open_remote: OpenRemote,
    *,
    revision: str | None = None,
    how: How | None = None,
    meter: progress.Meter = progress.silent,
) -> list[Imported]:
    """Bring imports to the newest state of their sources (or to ``revision``), records and work tree.

    Repeated after it was killed it does the rest.

    Raises:
        InvalidInput: a stage that is no import. Refused: changes in the work tree that are saved nowhere, and not
        ``force``; that import stays as it was.
    """
    wrong = next((stage for stage in stages if stage.source is None), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong.address} is no import.", hint="madang import, or import-url, makes one.")
    with clones.once():
        return [_update(repository, stage, open_remote, revision, how or How(), meter) for stage in stages]


def _update(
    repository: Repository, stage: Stage, open_remote: OpenRemote, revision: str | None, how: How, meter: progress.Meter
) -> Imported:
    source = stage.source
    assert source is not None
    if "repo" in source:
        dep, content, is_changed = _newer_commit(repository, stage, source, open_remote, revision, how, meter)
    elif revision and not source_versions.is_recorded(source):
        raise InvalidInput(
            f"{stage.address} has no revisions: it is imported from an address.", hint="Leave out --rev."
        )
    else:
        dep, content, is_changed = _newer_bytes(repository, stage, source, open_remote, revision or "", how, meter)
    out = stage.outs[0]
    done = Imported(out.path, stage.file, content, is_changed)
    if not is_changed:
        if how.download:
            _catch_up(repository, stage, meter)
        return done
    with open(stage.file, encoding="utf-8") as file:
        before = file.read()
    with hold(repository, [out.path]):
        _save(repository, out, meter)
        if content is None:
            done.kept = delete_data(repository, out, "update --force", force=how.force)
        after = imports.updated(before, stage.file, dep, content)
        if after != before:
            write_file(stage.file, after.encode())
            done.git_files.append(stage.file)
    if content is not None:
        try:
            targets = [Target(one) for one in outs_of(stage.file)]
            report = checkout(repository, targets, force=how.force, command="update --force", meter=meter)
        except Refused:
            write_file(stage.file, before.encode())
            raise
        done.kept = report.kept
        leftovers.note(repository, [out.path])
    return done


def _catch_up(repository: Repository, stage: Stage, meter: progress.Meter) -> None:
    """Bring the work tree to its record: an update that was killed may have written only that. Changes stay."""
    with suppress(Refused):
        checkout(repository, [Target(out) for out in stage.outs], meter=meter)


def _save(repository: Repository, out: TrackedOut, meter: progress.Meter) -> None:
    """Have unchanged imported data in the cache, where dvc does not put it: then to replace it loses nothing."""
    if out.md5 is None or out.is_legacy or not os.path.exists(out.path) or is_whole(repository, out.md5):
        return
    present = current_content(repository, out.path, meter)
    if present is not None and present.md5 == out.md5:
        take(repository, out.path, Manner(relink=False), meter)


def _newer_commit(
    repository: Repository,
    stage: Stage,
    source: Mapping[str, Any],
    open_remote: OpenRemote,
    revision: str | None,
    how: How,
    meter: progress.Meter,
) -> tuple[dict[str, Any], Content | None, bool]:
    repo = {**source["repo"], **({"rev": revision} if revision else {})}
    url = opening.address_of(str(repo["url"]), repository.root, stage.file)
    bringer = Bringer(repository.cache, repository.private_dir, open_remote, jobs=how.jobs, meter=meter)
    with (
        hold(repository, [stage.outs[0].path]),
        bringer.open(url, repo.get("rev"), access=access_of(repo), committed=True) as opened,
    ):
        is_same = repo == source["repo"] and opened.commit == repo.get("rev_lock")
        if is_same and (stage.outs[0].md5 is not None or not how.download):
            return dict(source), None, False
        content = bringer.content(bringer.bring(opened, str(source["path"]))) if how.download else None
        repo["rev_lock"] = opened.commit
    return {**source, "repo": _ordered(repo)}, content, True


def _newer_bytes(
    repository: Repository,
    stage: Stage,
    source: Mapping[str, Any],
    open_remote: OpenRemote,
    version: str,
    how: How,
    meter: progress.Meter,
) -> tuple[dict[str, Any], Content | None, bool]:
    written, options, address = address_of(repository, stage, open_remote, version)
    with closing(address):
        look = address.look()
        recorded = stage.outs[0].md5
        is_known = look.tag is not None and look.tag == source.get(tag_key(address, look))
        if look.versions is not None:
            is_known = look.versions == source_versions.recorded(source, stage.file)
        if is_known and (recorded or not how.download):
            return dict(source), None, False
        found = _taken(repository, address, look, stage.outs[0].path, how, meter)
        dep = dep_entry(written, address, look, found, options)
    is_same = dep == dict(source) and (not how.download or (found is not None and found.md5 == recorded))
    return dep, found if how.download else None, not is_same


def address_of(
    repository: Repository, stage: Stage, open_remote: OpenRemote, version: str = ""
) -> tuple[str, Mapping[str, Any], Address]:
    """Where an import comes from: as its record writes it, with which options, and opened (at a version of it)."""
    assert stage.source is not None
    written = str(stage.source["path"])
    options = stage.source.get("fs_config") or {}
    url = written if "://" in written else os.path.join(stage.wdir, written)
    if version:
        url = source_versions.pinned(url, version)
    is_versioned = source_versions.is_recorded(stage.source)
    address = open_address(url, open_remote, settings=repository.settings, options=options, is_versioned=is_versioned)
    return written, options, address
