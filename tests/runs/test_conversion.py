"""What a source of weights is taken for, and what goes with it; the conversions themselves are tests/cli's."""

from pathlib import Path

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.conversion import convert, kind_of
from gencontrol.runs.settings import ConversionSettings


def test_what_a_source_is_taken_for(tmp_path: Path) -> None:
    file = tmp_path / "clip.pth"
    file.write_bytes(b"")
    assert kind_of(str(file)) == "published"
    assert kind_of(str(tmp_path)) == "clip"
    assert kind_of("somebody/clip") == kind_of("somebody/clip", has_tag=True) == "clip"
    assert kind_of("ViT-L-14") == "open_clip" and kind_of("no-such-vit") == "clip"
    assert kind_of("no-such-vit", has_tag=True) == "open_clip"
    assert kind_of("hf-hub:somebody/clip") == "open_clip"


def test_what_is_converted_opens(tiny_folder: Path, tmp_path: Path) -> None:
    done = convert(ConversionSettings(source=str(tiny_folder / "clip"), output=str(tmp_path / "made")))
    opened = AlphaCLIP.from_pretrained(done.folder)
    assert not opened.has_alpha and opened.embed_dim == done.encoder.embed_dim


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": ""}, "Expected a source and a folder to write"),
        ({"pretrained": "laion", "kind": "clip"}, "`pretrained` goes with `kind` open_clip, and .* is taken for clip"),
        ({"base": "x"}, "`base` goes with `kind` published"),
        ({"subfolder": "x", "kind": "published"}, "`subfolder` goes with `kind` clip"),
        ({"revision": "x", "kind": "open_clip"}, "`revision` goes with `kind` published or clip"),
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, str], message: str, tiny_folder: Path, tmp_path: Path):
    given = {"source": str(tiny_folder / "clip"), "output": str(tmp_path / "made"), **changes}
    with pytest.raises(ConfigError, match=message):
        convert(ConversionSettings(**given))  # pyright: ignore[reportArgumentType]
    assert not (tmp_path / "made").exists()


def test_a_folder_that_is_there_is_kept(tiny_folder: Path, tmp_path: Path) -> None:
    settings = ConversionSettings(source=str(tiny_folder / "clip"), output=str(tmp_path))
    with pytest.raises(InputError, match="exists already: give `overwrite`, or another `output`"):
        convert(settings)
