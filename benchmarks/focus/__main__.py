"""`python -m benchmarks.focus`."""

import tyro

from benchmarks.focus import command

if __name__ == "__main__":
    command.main(tyro.cli(command.Settings, description=command.__doc__))
