"""`madang install`: Git hooks and the merge driver."""

from __future__ import annotations

import click

from madang.cli import output
from madang.cli.data_command import PlainCommand, relative, repository


@click.command(cls=PlainCommand)
@click.option("--use-pre-commit-tool", is_flag=True, help="Write entries for the pre-commit tool instead of hooks.")
@output.quiet_option
def install(use_pre_commit_tool: bool, quiet: bool) -> None:
    """Make Git check data out after `git checkout`, show its status before `git commit`, push it before `git push`.

    A merge driver joins the .dvc files of folders; it is used for the files that .gitattributes names:
    *.dvc merge=dvc. A hook that somebody else has made, dvc's too, is not replaced.

    \b
    Examples:
      madang install
      echo '*.dvc merge=dvc' >> .gitattributes
      madang install --use-pre-commit-tool
    """
    from madang.workspace.data.repo.hooks import DRIVER
    from madang.workspace.data.repo.hooks import install as install_hooks

    with repository() as repo:
        if repo.git_root is None:
            if not quiet:
                output.note("There is no git here, so there is nothing to install.")
            return
        done = install_hooks(repo, use_pre_commit_tool=use_pre_commit_tool)
        if quiet:
            return
        for path in done.written:
            output.note(f"Wrote {relative(path)}.")
        if done.driver != DRIVER:
            output.note(f"Git's merge driver for .dvc files stays as it is: {done.driver}")
