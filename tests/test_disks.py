from pathlib import Path

import pytest

from gencontrol.disks import instead_of, refusal
from gencontrol.errors import InputError, OutputError


def test_why_a_file_could_not_be_written() -> None:
    assert refusal(OSError(28, "No space left on device", "x")) == "No space left on device"
    assert (
        refusal(RuntimeError("inline_container.cc: fail writing")) == "the disk is full, or takes no files of this size"
    )
    assert refusal(FileNotFoundError(2, "No such file", "input.png")) is None and refusal(ZeroDivisionError()) is None


@pytest.mark.parametrize("kind", [InputError, OutputError])
def test_a_temporary_name_is_told_as_the_one_that_was_asked_for(kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^made/weights cannot be written: full\.$"), instead_of(Path(".tmp"), Path("made")):
        raise kind(".tmp/weights cannot be written: full.")


def test_what_names_another_file_is_told_as_it_is() -> None:
    said = InputError("a.png is no picture.")
    with pytest.raises(InputError) as caught, instead_of(Path(".tmp"), Path("made")):
        raise said
    assert caught.value is said
