"""Pictures by the names that somebody gives."""

from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.runs.scenes import list_pictures


def test_links_that_lead_to_nothing_are_told(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    with pytest.raises(InputError, match=r"loop\.png is a link that leads back to itself\.$"):
        list_pictures([str(tmp_path / "loop.png")])
    with pytest.raises(InputError, match=r"dangling\.png is a link to nowhere\.png, where nothing is\.$"):
        list_pictures([str(tmp_path / "dangling.png")])
    with pytest.raises(InputError, match="No picture and no folder at"):
        list_pictures([str(tmp_path / "missing.png")])
