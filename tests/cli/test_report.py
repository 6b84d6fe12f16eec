"""What a command says beside its results."""

import warnings

import pytest

from gencontrol.cli.report import notices
from gencontrol.regions.region import RegionWarning


@pytest.mark.parametrize(("rank", "printed"), [("0", "gencontrol: a mask was stretched\n"), ("1", "")])
def test_of_several_processes_the_first_speaks(
    rank: str, printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    with notices():
        warnings.warn("a mask was stretched", RegionWarning, stacklevel=1)
        warnings.warn("a mask was stretched", RegionWarning, stacklevel=1)
    assert capsys.readouterr().err == printed
