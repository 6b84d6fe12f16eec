"""One record for a folder or a place on the hub."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import CheckpointError
from gencontrol.models.location import (
    Location,
    absence,
    is_hub_there,
    kind_text,
    no_model,
    preset_hint,
    read_json,
)
from gencontrol.text_files import LARGEST


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with settings at two depths."""
    (tmp_path / "unet" / "inner").mkdir(parents=True)
    (tmp_path / "config.json").write_text(json.dumps({"depth": 0}))
    (tmp_path / "unet" / "config.json").write_text(json.dumps({"depth": 1}))
    (tmp_path / "unet" / "inner" / "config.json").write_text(json.dumps({"depth": 2}))
    return tmp_path


def lay_cache(root: Path, files: dict[str, dict[str, str]]) -> None:
    """Revision -> path -> text, as the hub's client lays a repository `somebody/model` out."""
    repository = root / "models--somebody--model"
    (repository / "refs").mkdir(parents=True)
    for number, (revision, texts) in enumerate(files.items()):
        commit = str(number) * 40
        (repository / "refs" / revision).write_text(commit)
        for path, text in texts.items():
            file = repository / "snapshots" / commit / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)


def test_lookup_is_what_loaders_take() -> None:
    assert Location(name="a/b").lookup() == {"revision": "main", "subfolder": "", "local_files_only": False}
    there = Location(name="a/b", revision="old", subfolder="clip", local_files_only=True)
    assert there.lookup() == {"revision": "old", "subfolder": "clip", "local_files_only": True}


def test_read_from_a_folder(saved: Path) -> None:
    assert Location(name=str(saved)).read("config.json") == {"depth": 0}
    assert Location(name=str(saved)).read("unet/inner/config.json") == {"depth": 2}
    below = Location(name=str(saved), subfolder="unet")
    assert below.read("config.json") == {"depth": 1}
    assert below.read("inner/config.json") == {"depth": 2}
    assert below.read("other.json") is None and Location(name=str(saved)).read("vae/config.json") is None


def test_find_in_a_folder(saved: Path) -> None:
    assert Location(name=str(saved)).find("config.json") == saved / "config.json"
    assert Location(name=str(saved), subfolder="unet").find("config.json") == saved / "unet" / "config.json"
    assert Location(name=str(saved)).find("other.json") is None


def test_a_revision_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    lay_cache(tmp_path, {"main": {"unet/config.json": '{"a": 1}'}, "old": {"unet/config.json": '{"a": 2}'}})
    main = Location(name="somebody/model", local_files_only=True)
    old = Location(name="somebody/model", revision="old", local_files_only=True)
    assert (main.read("unet/config.json"), old.read("unet/config.json")) == ({"a": 1}, {"a": 2})
    found = Location(name="somebody/model", subfolder="unet", local_files_only=True).find("config.json")
    assert found is not None and json.loads(found.read_text()) == {"a": 1}
    assert main.read("vae/config.json") is None and main.find("config.json") is None
    # What a cache does not have is no error for `find`, whatever the reason.
    assert Location(name="somebody/other", local_files_only=True).find("config.json") is None


def test_a_name_that_is_no_place(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^No model at 'no such model', neither a folder nor on the hub"):
        Location(name="no such model").read("config.json")


def test_no_model_says_where_it_was_looked_for() -> None:
    online = str(no_model(Location(name="a/b"), OSError("no connection")))
    assert online == "No model at 'a/b', neither a folder nor on the hub: no connection"
    offline = str(no_model(Location(name="a/b", local_files_only=True), OSError("no connection")))
    assert offline.startswith("No model at 'a/b', neither a folder nor in this machine's cache, and the hub is not")
    assert "no connection" not in offline
    assert "(did you mean 'tiny'?)" in str(no_model(Location(name="tinny"), OSError("")))
    assert "cache (did you mean 'tiny'?)," in str(no_model(Location(name="tinny", local_files_only=True), OSError("")))


def test_preset_hint() -> None:
    assert preset_hint(Location(name="tinny")) == " (did you mean 'tiny'?)"
    assert preset_hint(Location(name="somebody/tinny")) == "" == preset_hint(Location(name="tiny"))
    assert preset_hint(Location(name="tinny", names=())) == ""
    assert preset_hint(Location(name="grabcutt", names=("grabcut", "box"))) == " (did you mean 'grabcut'?)"


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("https://hub.example/owner/name", "give the model's hub id: owner/name; or download it, and give its folder"),
        ("https:/hub.example/owner/name/tree/main", "https://hub.example/owner/name/tree/main is an address: give the"),
        ("https://hub.example/name", "hub id, which is OWNER/NAME; or download it"),
        ("s3://elsewhere/owner/name", "s3://elsewhere/owner/name is an address: give the model's hub id, which is"),
    ],
)
def test_an_address_is_no_name(name: str, mend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.example")
    with pytest.raises(CheckpointError) as caught:
        Location(name=name)
    assert mend in str(caught.value)


def test_a_preset_is_no_other_kind_of_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Location(name="tiny").name == "tiny"
    with pytest.raises(CheckpointError, match=r"^tiny is a preset of image variation, and another kind of model is"):
        Location(name="tiny", names=())
    with pytest.raises(CheckpointError, match=r"^flux-redux is a host of references, put together from a base"):
        Location(name="flux-redux")
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", "flux-redux"):
        (tmp_path / name).mkdir()
        assert Location(name=name, names=()).name == name


def test_what_the_hub_answers_is_said_in_our_words() -> None:
    from httpx import Request, Response
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    answer: Any = Response(404, request=Request("GET", "https://hub.example"))
    kinds: dict[type[RepositoryNotFoundError | RevisionNotFoundError], str] = {
        GatedRepoError: "its owners ask for consent to its terms",
        RepositoryNotFoundError: "there is none of that name, or it is private",
        RevisionNotFoundError: "it has no such revision",
    }
    for kind, words in kinds.items():
        error = OSError("a long text\nof several lines")
        error.__cause__ = kind("what the hub says", response=answer)
        said = str(no_model(Location(name="a/b"), error))
        assert said.startswith(f"No model at 'a/b', neither a folder nor on the hub: {words}"), said
    spelt = str(no_model(Location(name="a b/c"), OSError("Repo id must be")))
    assert spelt.endswith("on the hub: a hub id has the form OWNER/NAME, of letters, digits, - _ and .")


def test_read_json(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"name": "Äpfel"}', encoding="utf-8")
    assert read_json(file) == {"name": "Äpfel"}
    file.write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json is not valid JSON"):
        read_json(file)
    file.write_text("[]")
    with pytest.raises(CheckpointError, match=r"config\.json: expected a mapping of settings, got list"):
        read_json(file)


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, int]]:
    """A machine without a line, and with an empty cache; holds what was asked."""
    asked: list[tuple[str, int]] = []

    def refuse(address: tuple[str, int], timeout: float) -> None:
        asked.append(address)
        assert timeout <= 5
        raise OSError("no route")

    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    return asked


def test_a_hub_out_of_reach_is_asked_once(unreachable: list[tuple[str, int]], saved: Path) -> None:
    place = Location(name="somebody/model").settled()
    assert place.local_files_only and place.out_of_reach and len(unreachable) == 1 and unreachable[0][1] == 443
    assert place.settled() is place and len(unreachable) == 1
    for name in (str(saved), "a/b/c", "./x/y"):
        assert not Location(name=name).settled().out_of_reach
    assert not Location(name="a/b", local_files_only=True).settled().out_of_reach
    assert len(unreachable) == 1


def test_what_is_cached_is_said(unreachable: list[tuple[str, int]], tmp_path: Path) -> None:
    place = Location(name="tinny").settled()
    with pytest.raises(CheckpointError, match=r"^No model at 'tinny': neither a folder, nor in this machine's cache"):
        raise no_model(place, OSError())
    assert absence(place).endswith("and the hub cannot be reached; nothing is cached")
    lay_cache(tmp_path / "cache", {"main": {}})
    assert absence(place).endswith("cannot be reached; cached are somebody/model")
    for number in range(7):
        (tmp_path / "cache" / f"models--a--b{number}").mkdir()
    assert absence(place).endswith("a/b0, a/b1, a/b2, a/b3, a/b4, a/b5 and 2 more")
    assert absence(Location(name="a/b", local_files_only=True)) == " in this machine's cache"
    assert absence(Location(name=str(tmp_path))) == "" == absence(Location(name="a/b"))


def test_behind_a_proxy_the_hub_is_taken_to_be_there(
    unreachable: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "proxy:3128"})
    assert is_hub_there() and not unreachable


def test_what_is_there_and_no_model_is_not_asked_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencontrol.models.location.cached_file", lambda *_, **__: pytest.fail("the hub was asked"))
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), "/dev/zero"):
        for ask in (Location(name=name).read, Location(name=name).find):
            with pytest.raises(
                CheckpointError, match=rf"^{name} is a pipe or a device; expected the folder of a saved"
            ):
                ask("config.json")


@pytest.mark.parametrize("name", ["/no/such", "./no", "../no", "~/no"])
def test_a_path_is_no_misspelt_hub_id(name: str) -> None:
    said = str(no_model(Location(name=name), OSError("Repo id must be in the form")))
    assert said == f"No model at {name!r}: expected the folder of a saved model, or a hub id."


@pytest.mark.parametrize("name", ["missing.pth", "MISSING.PT", "./no.ckpt", "/no/such/model.bin", "there/x.pt"])
def test_a_name_that_ends_as_a_file_does_is_a_file_s(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path)
    said = str(no_model(Location(name=name, local_files_only=True), OSError("Repo id must be in the form")))
    assert said == f"No file at {name!r}: expected the folder of a saved model, or a hub id."
    # On the hub a model may be called so.
    other = str(no_model(Location(name="somebody/small.pt", local_files_only=True), OSError("")))
    assert other.startswith("No model at 'somebody/small.pt', neither a folder nor in this machine's cache")


def test_what_is_on_this_machine_has_no_revision(saved: Path) -> None:
    file = saved / "config.json"
    for place in (saved, file):
        with pytest.raises(CheckpointError, match=rf"^`revision` v2 is of a model on the hub, and {place} is on this"):
            Location(name=str(place), revision="v2")
    assert Location(name=str(saved), revision="main").read("config.json") == {"depth": 0}
    assert Location(name="somebody/model", revision="v2").lookup()["revision"] == "v2"


def test_settings_that_are_nested_too_deeply_are_told_by_their_file(tmp_path):
    (tmp_path / "model_index.json").write_text("[" * 200_000)
    with pytest.raises(CheckpointError, match=r"model_index\.json is not valid JSON: it is nested too deeply"):
        Location(name=str(tmp_path)).read("model_index.json")


def test_settings_in_another_encoding_are_told_by_their_file(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_bytes(b'{"a": "\xe4"}')
    with pytest.raises(CheckpointError, match=r"index\.json is not valid JSON: it is not in UTF-8 \(byte 7\)$"):
        Location(name=str(tmp_path)).read("model_index.json")


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_no_model(name: str) -> None:
    with pytest.raises(CheckpointError, match="The name of a model is empty: give a folder, a preset, or a hub id"):
        Location(name=name)


def test_a_file_is_not_asked_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gencontrol.models.location.cached_file", lambda *_, **__: pytest.fail("the hub was asked"))
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"")
    for ask in (Location(name=str(picture)).read, Location(name=str(picture)).find):
        with pytest.raises(CheckpointError, match=r"picture\.png is a file; expected the folder of a saved model"):
            ask("config.json")


def test_a_saved_models_kind_in_words() -> None:
    assert kind_text("blip") == "a model of type 'blip'"
    assert kind_text(None) == "no saved model (its config.json names no model_type)"


def test_settings_without_end(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.touch()
    os.truncate(path, LARGEST + 1)
    with pytest.raises(CheckpointError, match=r"^\S*config\.json is larger than 64 MB; expected settings in JSON\.$"):
        read_json(path)
