"""An address where a path is asked is called one, whatever the flag; nothing is fetched, and nothing made."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

BOX = ("--box", "1,1,30,30")
TWO = ("--box", "a=1,1,30,30", "--box", "b=30,30,60,60")
ASKED = (
    ("vary", "@", "--dry-run"),
    ("vary", "s.png", "--mask", "@", "--dry-run"),
    ("vary", "s.png", *BOX, "--negative-mask", "@", "--dry-run"),
    ("vary", "s.png", "--index-mask", "@=1", "--dry-run"),
    ("vary", "s.png", "--from", "@", "--dry-run"),
    ("vary", "s.png", "--config", "@", "--dry-run"),
    ("vary", "s.png", "--model", "@", "--dry-run"),
    ("vary", "s.png", "--alpha-clip", "@", "--dry-run"),
    ("vary", "s.png", *BOX, "--levels-curve", "@", "--dry-run"),
    ("vary", "--embeds-in", "@", "--dry-run"),
    ("vary", "s.png", *BOX, "-o", "@", "--dry-run"),
    ("vary", "s.png", *BOX, "-n", "1", "-o", "@.png", "--dry-run"),
    ("vary", "s.png", *BOX, "--embeds-out", "@.safetensors", "--dry-run"),
    ("score", "@", "-t", "a"),
    ("embed", "s.png", "-o", "@.safetensors"),
    ("convert", "@", "-o", "x"),
    ("convert", "@.pth", "--base", "@", "-o", "x"),
    ("convert", "tiny", "-o", "@"),
    ("convert", "tiny", "--to", "published", "-o", "@.pth"),
    ("classify", "s.png", "--labels", "@"),
    ("classify", "s.png", "--labels", "n.txt", "--templates", "@"),
    ("classify", "s.png", "--labels", "n.txt", "-o", "@.json"),
    ("refer", "s.png", "cat", "--mask", "a=@"),
    ("relate", "s.png", "--label-map", "@"),
    ("relate", "s.png", *TWO, "--module", "@"),
    ("relate", "s.png", *TWO, "--graph", "@.png"),
    ("ground", "s.png", "cat", "--model", "@"),
    ("edit", "s.png", "--mask", "m.png", "--like", "@"),
    ("calibrate", ".", "--masks", "@", "-o", "x"),
    ("evaluate", "imagenet-s", "--root", "@"),
    ("evaluate", "refcoco", "--root", "@"),
    ("train", "relations", "-o", "x", "--sprites", "@"),
    ("train", "relations", "-o", "@"),
    ("assemble", "--clip", "@", "-o", "x"),
)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "orange").save("s.png")
    Image.frombytes("L", (64, 64), bytes(2048) + b"\xff" * 2048).save("m.png")
    Path("n.txt").write_text("cat\ndog\n")
    return tmp_path


@pytest.mark.parametrize("arguments", ASKED, ids=" ".join)
@pytest.mark.parametrize("address", ["https://a.example/b", "file:///nowhere/b"])
def test_an_address_is_called_one(arguments: tuple[str, ...], address: str, run: Any, pictures: Path) -> None:
    before = sorted(pictures.rglob("*"))
    done = run(*(argument.replace("@", address) for argument in arguments))
    assert done.code in (1, 2) and "is an address" in done.err, done.err
    # The whole of it, with the slashes that a path has lost, and a way out; in one line, beside notices.
    line = next(line for line in done.err.splitlines() if "is an address" in line)
    assert address in line and any(way in line for way in ("download", "upload", "/nowhere/b")), line
    assert sorted(pictures.rglob("*")) == before
