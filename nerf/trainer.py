"""nerfstudio's trainer, whose commands end in one line where an error of ours ends them, as `gencontrol` does.

A run that is refused leaves nothing behind: its folder is made, and its settings are printed, once its pictures,
scene, checkpoint, parts and prompts have been looked at. Imports torch and nerfstudio only: every `ns-*` command reads
it.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from nerfstudio.engine.callbacks import TrainingCallbackAttributes
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils.rich_utils import CONSOLE

from gencontrol.errors import ConfigError, GencontrolError
from gencontrol.nerf.flags import in_studio_flags

DEBUG = "GENCONTROL_DEBUG"
"""Environment variable: if it is set, where an error was raised is shown, as nerfstudio does."""
OPTIMISER = "--optimizers.field.optimizer"
"""What flags of the optimiser begin with."""
UNNAMED = "{timestamp}"
"""A run's time stamp, which its folder is called by, while nobody has given one."""


@contextmanager
def ending_in_one_line() -> Iterator[None]:
    """Where one of nerfstudio's commands runs, end it with what an error of ours says, in that command's flags.

    They know no errors of plug-ins: whatever is raised is shown with the way to where it was raised, thirty lines that
    are nothing to who only has to change a flag. Anywhere else, in Python or in `gencontrol nerf`, the error goes on.

    Raises:
        SystemExit: With the line, which Python prints on standard error; the exit code is 1.
        GencontrolError: The block's, where no such command runs.
    """
    try:
        yield
    except GencontrolError as error:
        command = Path(sys.argv[0]).stem
        if not command.startswith("ns-") or os.environ.get(DEBUG):
            raise
        said = in_studio_flags(str(error))
        raise SystemExit(f"{command}: {' '.join(said.split())}") from error


class SteeredTrainer(Trainer):
    """The stock trainer, with the method's errors as its users want them, and its checks before its folder."""

    def __init__(self, config: TrainerConfig, local_rank: int = 0, world_size: int = 1):
        # It says where checkpoints go, before the folder has its name.
        with CONSOLE.capture():
            super().__init__(config, local_rank=local_rank, world_size=world_size)

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """See `Trainer.setup`.

        Raises:
            SystemExit: See `ending_in_one_line`.
        """
        with ending_in_one_line():
            super().setup(test_mode)

    def setup_optimizers(self) -> Optimizers:
        """nerfstudio's; then the checkpoint and the checks, and where they find nothing, the run's folder.

        Here, since the viewer, which is set up next, writes into that folder.
        """
        from gencontrol.nerf.checks.check_checkpoint import checkpoint_file, loading_checkpoint
        from gencontrol.nerf.method.callbacks import begin_training

        self.optimizers = self._new_optimizers()
        file = checkpoint_file(self.config)
        if file is not None:
            with loading_checkpoint(file):
                super()._load_checkpoint()
        attributes = TrainingCallbackAttributes(
            optimizers=self.optimizers, grad_scaler=self.grad_scaler, pipeline=self.pipeline, trainer=self
        )
        model: Any = self.pipeline.model  # nerfstudio types it as any model.
        begin_training(model, attributes, self._start_step)
        self._open_folder()
        return self.optimizers

    def train(self) -> Any:
        """See `Trainer.train`.

        Raises:
            SystemExit: See `ending_in_one_line`.
        """
        with ending_in_one_line():
            return super().train()

    def _new_optimizers(self) -> Optimizers:
        try:
            return super().setup_optimizers()
        except ValueError as error:
            raise ConfigError(f"The optimiser cannot be set up ({OPTIMISER}): {error}.") from error

    def _load_checkpoint(self) -> None:
        """Nothing: `setup_optimizers` has done it."""

    def _open_folder(self) -> None:
        if self.local_rank == 0 and isinstance(self.config, SteeredTrainerConfig):
            self.config.open_folder()
        self.base_dir, self.checkpoint_dir = self.config.get_base_dir(), self.config.get_checkpoint_dir()


class SteeredTrainerConfig(TrainerConfig):
    """nerfstudio's settings of a run, none beside them; its launcher names, prints and saves them too early.

    `SteeredTrainer`, which they have to set up, does it in time.
    """

    def set_timestamp(self) -> None:
        """Refuse what the settings alone say to be wrong; the folder gets its name when it is made.

        nerfstudio's launcher calls this before all else, and it is where the aliases among its flags are resolved.

        Raises:
            SystemExit: See `ending_in_one_line`.
            GencontrolError: See `check_config`.
        """
        from gencontrol.nerf.checks.check_config import check_config

        with ending_in_one_line():
            check_config(self)
        if self.machine.num_devices * self.machine.num_machines > 1:
            super().set_timestamp()  # Processes that know nothing of each other have to agree.

    def print_to_terminal(self) -> None:
        """Nothing yet: see `open_folder`."""

    def save_config(self) -> None:
        """Nothing yet: see `open_folder`."""

    def open_folder(self) -> Path:
        """Make the run's folder, print the settings, and save them there.

        The folder is a new one, also where another run begins in the same second, unless its time stamp was given.
        """
        if self.timestamp == UNNAMED:
            super().set_timestamp()
            self.timestamp = new_folder(self.get_base_dir()).name
        super().print_to_terminal()
        super().save_config()
        return self.get_base_dir()


def new_folder(path: Path) -> Path:
    """Make a folder that nobody else has, not even a process that does the same now: `path`, or `path-2`, `path-3`.

    Raises:
        InputError: See `gencontrol.files.check_folder`.
        OutputError: See `gencontrol.files.check_folder`.
    """
    from gencontrol.files import check_folder, placing

    check_folder(path.parent)
    number = 1
    with placing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = path if number == 1 else path.with_name(f"{path.name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder
