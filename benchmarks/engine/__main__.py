"""`python -m benchmarks.engine`."""

import tyro

from benchmarks.engine import command

if __name__ == "__main__":
    command.main(tyro.cli(command.Settings, description=command.__doc__))
