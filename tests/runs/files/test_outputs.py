"""Names of files, and whether they can be written."""

from pathlib import Path

import pytest

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.files.outputs import (
    Item,
    check_existing,
    check_writable,
    join_swept,
    plan_items,
    plan_paths,
    sheet_path,
)


def test_paths_in_a_folder() -> None:
    assert plan_paths(["a", "b"], (3, 4), "out") == [
        [Path("out/a-3.png"), Path("out/a-4.png")],
        [Path("out/b-3.png"), Path("out/b-4.png")],
    ]


def test_paths_of_a_file() -> None:
    assert plan_paths(["a"], (3,), "x/one.png") == [[Path("x/one.png")]]
    assert plan_paths(["a"], (3, 4), "x/one.png") == [[Path("x/one-3.png"), Path("x/one-4.png")]]


def test_a_tag_tells_the_values_of_a_sweep_apart() -> None:
    assert plan_paths(["a"], (3,), "out", tag="steps-1") == [[Path("out/a-steps-1-3.png")]]
    assert plan_paths(["a"], (3,), "x/one.png", tag="feather-0.5") == [[Path("x/one-feather-0.5.png")]]
    assert plan_paths(["a"], (3, 4), "x/one.jpg", tag="f") == [[Path("x/one-f-3.jpg"), Path("x/one-f-4.jpg")]]
    with pytest.raises(ConfigError, match=r"^`output` one\.gif: pictures are written as"):
        plan_paths(["a"], (0,), "one.gif", tag="f")


def test_an_input_of_a_sweep_is_all_its_parts() -> None:
    parts: list[Item] = []
    for tag in ("f-0", "f-1"):
        how = {"images": [Path("p/a.png"), Path("p/b.png")], "rows": range(2), "sheets": ["grid"]}
        parts.append(plan_items(["a", "b"], (3, 4), "out", tag=tag, **how)[1])
    joined = join_swept(parts, "out")
    assert (joined.name, joined.image, joined.row) == ("b", Path("p/b.png"), 1)
    assert [str(path) for path in joined.files] == [
        "out/b-f-0-3.png",
        "out/b-f-0-4.png",
        "out/b-f-1-3.png",
        "out/b-f-1-4.png",
        "out/b-sweep.png",
        "out/b-f-0-grid.png",
        "out/b-f-1-grid.png",
    ]
    assert joined.swept == tuple(parts) and joined.sheets == {"sweep": Path("out/b-sweep.png")}


def test_a_folder_may_have_a_dot(tmp_path: Path) -> None:
    assert plan_paths(["a"], (0,), "v1.2") == [[Path("v1.2/a-0.png")]]
    (tmp_path / "odd.png").mkdir()
    assert plan_paths(["a"], (0,), str(tmp_path / "odd.png")) == [[tmp_path / "odd.png" / "a-0.png"]]


@pytest.mark.parametrize(
    ("stems", "output", "message"),
    [
        (["a", "a"], "out", "Several pictures are called a: run them apart"),
        (["a", "b"], "one.png", "2 pictures go in, so expected a folder"),
        (["a"], "one.gif", "pictures are written as PNG"),
        (["a"], "one.txt", r"expected a folder, or a name that ends in \.png"),
        (["a"], ".png", r"`output` \.png: expected a folder or a file's name, got an ending alone"),
        (["a"], "", "`output` is empty"),
    ],
)
def test_paths_that_are_refused(stems: list[str], output: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_paths(stems, (0,), output)


def test_sheets_lie_beside_the_pictures() -> None:
    assert sheet_path([Path("out/a-3.png")], "a", "out", kind="grid") == Path("out/a-grid.png")
    assert sheet_path([Path("x/one.png")], "a", "x/one.png", kind="grid") == Path("x/one-grid.png")


def test_existing_files(tmp_path: Path) -> None:
    paths = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    check_existing(paths, "error")
    for path in paths[:2]:
        path.touch()
    with pytest.raises(InputError, match=r"a\.png and 1 more exist already"):
        check_existing(paths, "error")
    check_existing(paths, "overwrite")
    check_existing(paths, "skip")


def test_places_that_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable([Path("a.png"), Path("new/folder/a.png"), tmp_path / "b" / "c.png"])
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/new cannot be written to: .*file is a file. Give another `output`"):
        check_writable([tmp_path / "a.png", tmp_path / "file" / "new" / "a.png"])
    with pytest.raises(InputError, match="is a folder; expected the name of a file"):
        check_writable([tmp_path])
    # Not by chmod: the superuser, as whom tests may run, may write anywhere.
    monkeypatch.setattr("os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(InputError, match=r"new cannot be written to: you may not write in .* Give another `output`"):
        check_writable([tmp_path / "new" / "a.png"])


def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("nowhere.png")
    with pytest.raises(InputError, match=r"a\.png exists already: give `existing` overwrite or skip"):
        check_existing([tmp_path / "a.png"], "error")
    with pytest.raises(InputError, match=r"a\.png is there and is no whole picture: remove it, or give `existing`"):
        check_existing([tmp_path / "a.png"], "skip")
    check_existing([tmp_path / "a.png"], "overwrite")
