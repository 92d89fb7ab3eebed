"""Entry point of ``imse-mcu``: commands loaded lazily, errors as one line and a hint."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from collections.abc import Sequence

import click

from imse_mcu import __version__
from imse_mcu.cli.context import Session, set_up_logging
from imse_mcu.core.errors import ImseMcuError
from imse_mcu.core.files import json_text
from imse_mcu.core.registry import close_matches

#: Command -> (module in imse_mcu.cli, one line for the list of commands).
COMMANDS: dict[str, tuple[str, str]] = {
    "build": ("build", "Make int8 firmware for a target: ELF, report.json, report.html."),
    "run": ("run", "Stream a recording through the built image, on the emulator or a board."),
    "check": ("check", "Compare int8 with float on pairs of recordings; limits set the exit code."),
    "enhance": ("enhance", "Clean recordings on this machine, float or int8."),
    "plan": ("plan", "Say before any build what a model costs on each target and where it fits."),
    "profile": ("profile", "Cost per layer of a build and a map of its memory."),
    "flash": ("flash", "Program a board with a build and verify it."),
    "status": ("status", "Ask a board that runs a build how it fares."),
    "quantize": ("quantize", "Make only the integer .tflite."),
    "train": ("train", "Train or fine-tune a model on recordings."),
    "import-weights": ("import_weights", "Make weights of imse from a PyTorch checkpoint."),
    "export-weights": ("export_weights", "Make a PyTorch checkpoint from weights of imse."),
    "targets": ("targets", "List the targets, or show one."),
    "models": ("models", "List the models, or show one."),
    "doctor": ("doctor", "Say what is installed, what is missing and how to get it."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"imse_mcu.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            matches = close_matches(args[0], COMMANDS)
            hint = f"did you mean {' or '.join(matches)}?" if matches else "see imse-mcu --help"
            raise _UsageError(f"unknown command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)


class _UsageError(ImseMcuError):
    """The command line cannot be understood."""

    exit_code = 2


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: imse-mcu build --target stm32h7",
)
@click.version_option(__version__, prog_name="imse-mcu")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines.")
@click.option(
    "-v", "--verbose", count=True, help="Show the programs that are run; -vv what they print."
)
@click.pass_context
def cli(context: click.Context, as_json: bool, verbose: int) -> None:
    """Puts the IMSE speech enhancement network on Cortex-M microcontrollers."""
    context.obj = Session(as_json=as_json, verbosity=verbose)
    set_up_logging(verbose)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: Arguments without the program's name; those of the process when None.

    Returns:
        Exit status: 0 good, 1 failed or past a limit, 2 wrong input, 3 a tool is missing, 4 a
        program failed, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in arguments
    _quiet_libraries()
    try:
        result = cli.main(args=arguments, prog_name="imse-mcu", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except ImseMcuError as error:
        return _fail(as_json, type(error).__name__, error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        usage = error.ctx.command_path if error.ctx else "imse-mcu"
        return _fail(as_json, "UsageError", error.format_message(), f"see {usage} --help", 2)
    except click.ClickException as error:
        return _fail(as_json, "ClickException", error.format_message(), "", error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail(as_json, "Interrupted", "interrupted", "earlier results are as they were", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except MemoryError:
        return _fail(
            as_json, "MemoryError", "not enough memory", "use shorter recordings, or fewer", 1
        )


def _fail(as_json: bool, kind: str, message: str, hint: str, exit_code: int) -> int:
    """Prints an error for people or machines and returns its exit status."""
    if as_json:
        data = {"error": {"kind": kind, "message": message, "hint": hint, "exit_code": exit_code}}
        sys.stdout.write(json_text(data))
    else:
        sys.stderr.write(f"error: {message}\n")
        if hint:
            sys.stderr.write(f"hint: {hint}\n")
    return exit_code


def _quiet_libraries() -> None:
    """Keeps the chatter of TensorFlow and friends off the terminal; set before they load."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    os.environ.setdefault("GLOG_minloglevel", "3")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def entry() -> None:
    """Console script; a termination signal unwinds, so that nothing half-written stays."""
    signal.signal(signal.SIGTERM, _on_terminate)
    sys.exit(main())


def _on_terminate(signum: int, frame: object) -> None:
    """Turns a termination signal into an exit that runs every clean-up."""
    sys.exit(128 + signum)


if __name__ == "__main__":
    entry()
