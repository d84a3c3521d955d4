"""The command that prints what a shell reads to complete the others."""

from __future__ import annotations

import click

from cptlaw.cli.shared import examples, tell

_HOW = {
    "bash": "echo 'eval \"$(cptlaw completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(cptlaw completion zsh)\"' >> ~/.zshrc",
    "fish": "cptlaw completion fish > ~/.config/fish/completions/cptlaw.fish",
}


@click.command(
    epilog="\b\nTo switch it on, once, for new shells:\n"
    + "\n".join(f"  {line}" for line in _HOW.values())
    + "\n\n"
    + examples("cptlaw completion bash", "cptlaw completion zsh")
)
@click.argument("shell", type=click.Choice(tuple(_HOW)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script by which a shell completes commands with the Tab key.

    It completes commands and options, files, and the names of laws, runs of a study, bundled
    studies, published fits, experiments and figures.
    """
    from cptlaw.cli.completing import script

    tell(script(context.find_root().command, shell))
