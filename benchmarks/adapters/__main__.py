"""`python -m benchmarks.adapters`."""

from tyro.extras import subcommand_cli_from_dict

from benchmarks.adapters import command

if __name__ == "__main__":
    commands = {"train": command.TrainOptions, "measure": command.MeasureOptions}
    command.run(subcommand_cli_from_dict(commands, description=command.__doc__))
