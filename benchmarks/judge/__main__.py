"""`python -m benchmarks.judge`."""

from tyro.extras import subcommand_cli_from_dict

from benchmarks.judge import command

if __name__ == "__main__":
    commands = {"train": command.TrainOptions, "export": command.ExportOptions}
    command.run(subcommand_cli_from_dict(commands, description=command.__doc__))
