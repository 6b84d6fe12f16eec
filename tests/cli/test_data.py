from dataclasses import replace
from pathlib import Path

import pytest

from gencontrol.cli.main import main
from gencontrol.sprites import catalog
from gencontrol.sprites.store import open_store


def test_sprites_are_prepared_from_a_folder(sprite_world, sprite_tarballs, tmp_path, monkeypatch, capsys):
    """The shapes' tarballs stand in for the real ones: their checksums are pinned instead."""
    import base64
    import hashlib

    def digest(path):
        return base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()

    sets = tuple(replace(s, sha512=digest(sprite_tarballs[s.style])) for s in catalog.SPRITE_SETS)
    monkeypatch.setattr(catalog, "SPRITE_SETS", sets)
    names = tmp_path / "concepts.yaml"
    names.write_text("".join(f"{c.slug}: {list(c.names)}\n" for c in sprite_world.concepts()))
    source = next(iter(sprite_tarballs.values())).parent
    arguments = ["data", "sprites", "-o", str(tmp_path / "out"), "--from", str(source), "--concepts", str(names)]
    assert main([*arguments, "--size", "16"]) == 0
    assert "sprites.npz" in capsys.readouterr().out
    store = open_store(tmp_path / "out" / "sprites.npz")
    assert store.styles == (*(s.style for s in sets), *catalog.COPIED_STYLES)
    assert store.levels[0].shape == (60, len(store.styles), 16, 16, 4)


def test_without_a_command_nothing_is_fetched(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["data"]) == 2 and main(["data", "--help"]) == 0
    assert "usage: gencontrol data COMMAND" in (printed := capsys.readouterr().out)
    assert all(name in printed for name in ("sprites", "export", "pairs")) and not list(tmp_path.iterdir())


def test_places_are_checked_before_anything_is_fetched(tmp_path, capsys):
    (tmp_path / "a.png").touch()
    assert main(["data", "sprites", "-o", str(tmp_path / "a.png"), "--from", str(tmp_path)]) == 1
    assert "a.png is a file; expected the name of a folder to write" in capsys.readouterr().err
    assert main(["data", "sprites", "-o", str(tmp_path / "out"), "--from", str(tmp_path / "nowhere")]) == 1
    told = capsys.readouterr().err
    assert "nowhere: expected one with the sets' tarballs" in told and "Fetching" not in told
    assert main(["data", "sprites", "-o", str(tmp_path / "out"), "--from", str(tmp_path)]) == 1
    assert "Run `npm pack " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fonts"], "Nothing called 'fonts' to prepare; known are export, pairs, sprites\n"),
        (["sprite"], "did you mean 'sprites'"),
        (["sprites", "--size", "20"], "expected a power of two"),
        (["sprites", "--size", "2048"], "from 16 to 1,024"),
    ],
)
def test_mistakes_are_explained(arguments, message, capsys):
    assert main(["data", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_that_cannot_take_an_export_is_told_before_sprites_are_read(
    inside: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("")
    folder = tmp_path if inside else tmp_path / "mine.txt"
    assert main(["data", "export", "--store", str(tmp_path / "none.npz"), "-o", str(folder)]) == 1
    said = f"{folder} holds other things (mine.txt): name a new folder." if inside else f"{folder} is a file"
    assert said in capsys.readouterr().err
