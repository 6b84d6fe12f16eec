import json
import os
import re
from pathlib import Path

import pytest

from gencontrol import text_files
from gencontrol.errors import ConfigError, InputError
from gencontrol.text_files import (
    LARGEST,
    check_regular,
    dead_link,
    json_bytes,
    json_value,
    read_bytes,
    read_text,
    web_address,
)


def test_text_is_read_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffgrün\r\n".encode())
    assert read_text(path, what="a list") == "grün\r\n"


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_device_has_no_end(name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} is a device or a socket; expected a list\."):
        read_text(Path(name), what="a list")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    with pytest.raises(ConfigError, match=r"p is a pipe; expected a list\."):
        read_text(tmp_path / "p", what="a list", error=ConfigError)


def test_what_a_shell_hands_over_is_read() -> None:
    end, start = os.pipe()
    os.write(start, b"a: 1")
    os.close(start)
    try:
        assert read_text(Path(f"/dev/fd/{end}"), what="a list") == "a: 1"
    finally:
        os.close(end)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^No file at .*none; expected a list\.$"):
        check_regular(tmp_path / "none", what="a list")
    with pytest.raises(InputError, match=r" is a folder; expected a list\.$"):
        check_regular(tmp_path, what="a list")
    with pytest.raises(InputError, match=r"cannot be read as a list: embedded null byte\.$"):
        check_regular(Path("a\0"), what="a list")
    with pytest.raises(InputError, match=r"cannot be read as a list: File name too long\.$"):
        check_regular(Path("a" * 300), what="a list")


@pytest.mark.parametrize("name", ["https://a.example/b.txt", "https:/a.example/b.txt", "HTTP://a.example/b.txt"])
def test_an_address_is_called_one(name: str) -> None:
    address = name.replace(":/a", "://a")
    assert web_address(name) == address and web_address("b.txt") is None and web_address("https.txt") is None
    with pytest.raises(InputError, match=f"^{address} is an address; expected a list of names: download it first"):
        read_text(Path(name), what="a list of names")


@pytest.mark.parametrize("name", ["file:///a/b.txt", "file:/a/b.txt", "FILE://localhost/a/b.txt"])
def test_a_file_that_is_written_as_an_address_is_to_be_given_as_a_path(name: str) -> None:
    for given in (name, Path(name)):
        with pytest.raises(
            InputError, match=r"(?i)^file:.* is an address; expected a list of names: give /a/b\.txt\.$"
        ):
            read_text(Path(given), what="a list of names")


@pytest.mark.parametrize(
    ("name", "is_address"),
    [("hf://a/b", True), ("ssh://a", True), ("C:/a.txt", False), ("a:2.png", False), ("file", False), ("x:/a", False)],
)
def test_what_an_address_is(name: str, is_address: bool) -> None:
    assert (web_address(name) is not None) == is_address


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("mask: é".encode("latin-1"))
    with pytest.raises(InputError, match=r"a is not in UTF-8 \(byte 6\); expected a list: save it so\.$"):
        read_text(tmp_path / "a", what="a list")


def test_a_link_that_leads_to_nothing_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere.txt")
    (tmp_path / "good").symlink_to(tmp_path)
    assert dead_link(tmp_path / "loop") == "is a link that leads back to itself"
    assert dead_link(tmp_path / "dangling") == "is a link to nowhere.txt, where nothing is"
    assert dead_link(tmp_path / "good") is None and dead_link(tmp_path / "nothing") is None
    with pytest.raises(InputError, match=r"dangling is a link to nowhere\.txt, where nothing is; expected a list\.$"):
        check_regular(tmp_path / "dangling", what="a list")


def test_what_is_no_text_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(InputError, match=r"a\.png is not a text file; expected a curve of levels\.$"):
        read_text(tmp_path / "a.png", what="a curve of levels")
    (tmp_path / "b.json").write_text("{}", encoding="utf-16")
    with pytest.raises(InputError, match=r"b\.json is not in UTF-8 \(byte 0\); expected a curve of levels: save it so"):
        read_text(tmp_path / "b.json", what="a curve of levels")


def test_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert LARGEST == 2**26
    monkeypatch.setattr(text_files, "LARGEST", 2**20)
    (tmp_path / "a").write_bytes(b"x" * 2**20)
    assert len(read_text(tmp_path / "a", what="a list")) == 2**20
    (tmp_path / "a").write_bytes(b"x" * (2**20 + 1))
    with pytest.raises(InputError, match=r"a is larger than 1 MB; expected a list\.$"):
        read_text(tmp_path / "a", what="a list")


def test_json_is_a_value_or_one_kind_of_error() -> None:
    assert json_value('{"a": [1, 2]}') == {"a": [1, 2]} and json_value(b"3") == 3
    with pytest.raises(ValueError, match="it is nested too deeply"):
        json_value("[" * 200_000)
    with pytest.raises(ValueError, match="Expecting value"):
        json_value("")


def test_json_of_names_that_are_not_in_utf_8_is_in_utf_8() -> None:
    content = json_bytes({"b": "caf\udce9 \ud800 ü", "a": [1]})
    assert json.loads(content.decode("utf-8")) == {"b": "caf\udce9 \ud800 ü", "a": [1]}
    assert content.startswith(b'{\n  "b": "caf\\udce9') and "ü".encode() in content and content.endswith(b"\n}\n")


def test_no_other_file_reads_json_or_yaml_of_others_by_itself() -> None:
    """Python's own readers say a RecursionError of thousands of brackets; `json_value` and `yaml_value` do not."""
    readers, own = re.compile(r"json\.loads?\(|yaml\.(safe_)?load\("), re.compile(r"json\.loads\(json\.dumps\(")
    found = {
        path.relative_to(ROOT).as_posix()
        for folder in ("gencontrol", "pipelines", "nerf")
        for path in (ROOT / folder).rglob("*.py")
        if readers.search(own.sub("", path.read_text(encoding="utf-8")))
    }
    assert found <= READERS


ROOT = Path(__file__).parents[1]
READERS = {
    "gencontrol/text_files.py",
    "gencontrol/configuration.py",
    # What this program has just written, or what comes with it or from its own process.
    "gencontrol/tensors.py",
    "gencontrol/sprites/catalog.py",
    "gencontrol/studio/warm/client.py",
    "gencontrol/studio/warm/worker.py",
    # They catch the RecursionError.
    "gencontrol/regions/mask_planes.py",
    "nerf/field/scene.py",
}
"""Files that may call Python's readers."""


def test_bytes_up_to_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes('["\u00e9"]'.encode("utf-16"))
    assert json_value(read_bytes(path, what="a mask")) == ["\u00e9"]
    os.truncate(path, LARGEST + 1)
    with pytest.raises(ConfigError, match=r"a\.json is larger than 64 MB; expected a mask\.$"):
        read_bytes(path, what="a mask", error=ConfigError)
