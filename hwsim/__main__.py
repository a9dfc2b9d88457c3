"""`python -m hwsim`, the same as `bodydock hwsim`."""

import sys

import click

from agent.errors import BodydockError
from hwsim.command import hwsim

try:
    hwsim(prog_name="python -m hwsim")
except BodydockError as error:
    click.echo(f"hwsim: {error}", err=True)
    sys.exit(error.exit_code)
