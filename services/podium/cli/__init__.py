"""The ``podium`` command: runs videos, starts the services, looks after models and the machine."""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import os
import signal
import sys
from typing import NoReturn

import click

import podium

_VERBS = {
    "run": "Run a video through a pipeline and write the results.",
    "view": "Look at the results of a run in the browser.",
    "export": "Write a finished run as TRC, MOT, C3D, glTF, BVH and tables.",
    "compare": "Compare joint angles of two finished runs over the cycle.",
    "up": "Start the services on this machine, with jobs and their dashboard.",
    "configure": "Say where an api is, and keep a key for it.",
    "jobs": "Send videos to an api: submit, list, status, watch, results, cancel, retry.",
    "models": "List, get and check the models.",
    "keys": "Make API keys for a gateway.",
    "bench": "Measure what the services cost.",
    "doctor": "Check that this machine is ready.",
    "measures": "Print every measure with unit and method.",
    "settings": "Print every setting of every service.",
}

_FIVE = "list, create, get, update, delete"
OBJECTS = {
    "user": _FIVE,
    "user-group": _FIVE,
    "project": _FIVE,
    "pipeline": _FIVE,
    "pipeline-parameter-set": _FIVE,
    "pipeline-parameters": _FIVE,
    "athlete": _FIVE,
    "webhook": _FIVE,
    "video": "list, get",
    "job": f"{_FIVE}, cancel, retry, rerun",
    "upload": "list, create, get, complete, abort",
    "api-key": "list, create, get, delete",
}
"""As ``objects.sections`` has them, whose import takes longer than the rest of ``--help``."""


class _LazyGroup(click.Group):
    """Imports a command only when it is used, so that ``podium --help`` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return _operation(cmd_name)
        verb = importlib.import_module(f"podium.cli.{cmd_name}").command
        assert isinstance(verb, click.Command)  # noqa: S101 - every verb module defines one
        return verb

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], _VERBS, n=1)
            if not near:
                raise
            ctx.fail(f"{error.message} Did you mean '{near[0]}'?")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))
        with formatter.section("Objects of an api, as in `podium list-users`"):
            formatter.write_dl(list(OBJECTS.items()))


def _operation(name: str) -> click.Command | None:
    if "-" not in name:
        return None
    from podium.cli.objects import COMMANDS, command_of

    return command_of(COMMANDS[name]) if name in COMMANDS else None


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(podium.__version__, prog_name="podium")
@click.option("-v", "--verbose", is_flag=True, help="Show the services' logs and tracebacks.")
def cli(verbose: bool) -> None:
    """Podium: video of athletes in; key points, biomechanics and overlays out.

    \b
    First steps:
      podium models pull blazepose     get the default models, once
      podium doctor                    check that everything is in place
      podium run sprint.mp4            2D and 3D key points, CSV, overlay, report
      podium up                        keep the services running for other clients
      podium jobs submit sprint.mp4    the same on a server; see podium jobs --help

    Every command explains itself: podium COMMAND --help
    """  # noqa: D301 - \b is Click's mark for text that keeps its lines


def main() -> NoReturn:
    """Run the command line; errors that Podium raises on purpose become one red line."""
    # Idle threads of NumPy's matrix products wait in loops for more; here these are small.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    atexit.register(gc.freeze)  # else all objects are looked through at the end: 0.6 CPU-s of a run
    # SIGTERM ends a command like Ctrl-C. Both also work in the background of a shell script,
    # where SIGINT is ignored at the start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names may have any bytes
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(prog_name="podium", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stop:
        click.secho("stopped", fg="yellow", err=True)
        _print_notes(stop.__cause__ or stop)  # Click wraps the interrupt
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:  # the reader of the output has ended, as in `podium ... | head`
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        _report(error)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _report(error: Exception) -> None:
    from podium.errors import PodiumError

    if is_verbose():
        import traceback

        traceback.print_exception(error)
    if isinstance(error, PodiumError):
        message = error.message
    elif isinstance(error, ModuleNotFoundError) and not str(error.name).startswith("podium"):
        message = (
            f"this needs packages that are not installed, such as {error.name}: "
            "pip install 'podium[local]'"
        )
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror or error}"
    else:
        message = (
            f"{type(error).__name__}: {error}; this is a fault of Podium's own, "
            "`podium --verbose ...` shows where"
        )
    first, *rest = message.splitlines() or [""]
    click.secho(f"error: {first}", fg="red", err=True)
    for line in rest:
        click.echo(f"  {line}", err=True)
    _print_notes(error)


def _print_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        click.echo(note, err=True)


def is_verbose() -> bool:
    """Whether ``--verbose`` was given; also works after the command has failed."""
    return any(argument in ("-v", "--verbose") for argument in sys.argv[1:])
