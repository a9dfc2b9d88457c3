"""The command `bodydock`: finds the subcommand, turns errors into words and exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 77 no permission, or a
key that cannot be used, 78 bad configuration, 130 and 143 ended by a signal.
"""

from __future__ import annotations

import importlib
import signal
import sys
from importlib.metadata import EntryPoint, entry_points

import click

from agent import __version__
from agent.errors import BodydockError

_COMMANDS = {
    "archive": ("agent.cli.archive:archive", "Receive, verify and store clips, and sign receipts."),
    "assignments": (
        "agent.cli.assignments:assignments",
        "Check the file of who had which recorder when.",
    ),
    "bays": ("agent.cli.bays:bays", "Show which port is which bay, and what is in it."),
    "clear": ("agent.cli.clear:clear", "Say which clips may go from their recorders."),
    "clip": ("agent.cli.clip:clip", "Show, annotate, hold one clip."),
    "clips": ("agent.cli.clips:clips", "List clips, their states and what they wait for."),
    "custody": ("agent.cli.custody:custody", "Show, prove and check the custody log."),
    "export": ("agent.cli.export:export", "Hand clips out as a bag that anybody can check."),
    "exports": ("agent.cli.export:exports", "List what was handed out, to whom, by whose word."),
    "key": ("agent.cli.run:key", "Print the dock's public key, which an archive pins."),
    "keys": ("agent.cli.keys:keys", "Show keys by fingerprint; change the dock's."),
    "policy": ("agent.cli.policy:policy", "Take on a policy that the archive signed."),
    "profile": ("agent.cli.profile:profile", "List, check and match profiles of recorders."),
    "recorders": ("agent.cli.recorders:recorders", "List recorders and what changed about them."),
    "run": ("agent.cli.run:run", "Run the dock until SIGTERM."),
    "status": ("agent.cli.status:status", "Show bays, uplink and clips at a glance."),
    "validate": ("agent.cli.run:validate", "Check the dock's configuration; change nothing."),
}
"""Name → where it is, and its short help: listing the commands imports none of them."""

_ADDED_HELPS = {
    "demo": "Show the whole way on one machine.",
    "hwsim": "Simulate recorders that any program can reach.",
}
"""Short helps of added commands that come with bodydock; others are imported to be listed."""

_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}


class LazyGroup(click.Group):
    """Subcommands are imported when they are called, so that `bodydock --help` starts at once.

    Other distributions add commands through the entry point group `bodydock.commands`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*_COMMANDS, *_added(), *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS:
            module, name = _COMMANDS[cmd_name][0].split(":")
            found: object = getattr(importlib.import_module(module), name)
        elif cmd_name in (added := _added()):
            found = added[cmd_name].load()
        else:
            return super().get_command(ctx, cmd_name)
        return found if isinstance(found, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list below `--help`."""
        rows = [(name, self._short_help(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def _short_help(self, ctx: click.Context, name: str) -> str:
        if name in _COMMANDS:
            return _COMMANDS[name][1]
        if name in _ADDED_HELPS:
            return _ADDED_HELPS[name]
        command = self.get_command(ctx, name)
        return command.get_short_help_str() if command is not None else ""


def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="bodydock.commands")}


@click.group(cls=LazyGroup, context_settings=_SETTINGS)
@click.version_option(__version__, prog_name="bodydock")
def cli() -> None:
    """Pull footage off recorders the moment they dock, and prove that it arrived."""


def main() -> None:
    """The console script."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BodydockError as error:
        click.echo(f"bodydock: {error}", err=True)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        # `bodydock clips | head`: the reader has had enough. Spare Python's flush at exit.
        sys.stderr.close()
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        # A full disk behind standard output, a folder that vanished: no news for a traceback.
        click.echo(f"bodydock: {error.filename or 'output'}: {error.strerror}", err=True)
        sys.exit(77 if isinstance(error, PermissionError) else 1)
    sys.exit(code if isinstance(code, int) else 0)
