"""Prints docs/cli.md: the help of every command. Usage: scripts/cli_docs.py > docs/cli.md."""

from __future__ import annotations

import click

from imse_mcu.cli.main import COMMANDS, cli

_WIDTH = 88


def command_reference() -> str:
    """Returns the help of every command as Markdown."""
    parts = [
        "# Commands\n",
        "`imse-mcu COMMAND --help` says the same. Every command takes `--json` and `-v`.\n",
    ]
    group = click.Context(cli, info_name="imse-mcu", help_option_names=["-h", "--help"])
    for name in COMMANDS:
        command = cli.get_command(group, name)
        if command is None:
            raise ValueError(f"no command {name}")
        context = click.Context(
            command, info_name=name, parent=group, max_content_width=_WIDTH, terminal_width=_WIDTH
        )
        parts.append(f"## {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(command_reference(), end="")
