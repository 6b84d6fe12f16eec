"""Around the steps of a run: what Ctrl-C does."""

import os
import signal
from types import SimpleNamespace

import pytest

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_first_interrupt_ends_training_and_the_second_one_interrupts() -> None:
    from gencontrol.nerf.callbacks import install_stop

    trainer = SimpleNamespace(stop_training=False)
    before = signal.getsignal(signal.SIGINT)
    install_stop(trainer, step=0)
    os.kill(os.getpid(), signal.SIGINT)
    assert trainer.stop_training
    assert signal.getsignal(signal.SIGINT) is before
