import base64
import hashlib
from dataclasses import replace

import pytest

from gencontrol.errors import InputError, MissingDependencyError
from gencontrol.sprites.catalog import SPRITE_SETS
from gencontrol.sprites.fetch import fetch_sets, is_whole


def sprite_set(content: bytes):
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    return replace(SPRITE_SETS[0], sha512=digest)


def test_a_folder_of_tarballs_is_checked_and_copied(tmp_path):
    one = sprite_set(b"icons")
    source = tmp_path / "source"
    source.mkdir()
    (source / one.tarball).write_bytes(b"icons")
    got = fetch_sets(tmp_path / "out", sets=[one], source=source)
    assert got == {one.style: tmp_path / "out" / one.tarball}
    assert got[one.style].read_bytes() == b"icons"


def test_what_is_there_and_whole_is_not_fetched_again(tmp_path, monkeypatch):
    one = sprite_set(b"icons")
    (tmp_path / one.tarball).write_bytes(b"icons")
    monkeypatch.setenv("PATH", "")
    assert fetch_sets(tmp_path, sets=[one])[one.style].is_file()


def test_a_wrong_checksum_is_named_and_leaves_nothing(tmp_path):
    one = sprite_set(b"icons")
    source = tmp_path / "source"
    source.mkdir()
    (source / one.tarball).write_bytes(b"ico")
    with pytest.raises(InputError, match=r"checksum is not that of @iconify-json/fluent-emoji"):
        fetch_sets(tmp_path / "out", sets=[one], source=source)
    assert not (tmp_path / "out").exists()


def test_of_the_folders_only_those_that_were_made_and_are_empty_go(tmp_path):
    one = sprite_set(b"icons")
    (tmp_path / "source").mkdir()
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match=r"No .* in "):
        fetch_sets(tmp_path / "there" / "new" / "npm", sets=[one], source=tmp_path / "source")
    assert list((tmp_path / "there").iterdir()) == []
    (tmp_path / "source" / one.tarball).write_bytes(b"icons")
    missing = replace(one, style="none")
    with pytest.raises(InputError, match=r"No .* in "):
        fetch_sets(tmp_path / "there" / "new" / "npm", sets=[one, missing], source=tmp_path / "source")
    assert [path.name for path in (tmp_path / "there" / "new" / "npm").iterdir()] == [one.tarball]


def test_a_missing_tarball_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match=r"npm pack @iconify-json/fluent-emoji@"):
        fetch_sets(tmp_path / "out", sets=SPRITE_SETS[:1], source=tmp_path)


def test_without_npm_the_message_offers_from(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match=r"npm, which is not on the path.*--from FOLDER"):
        fetch_sets(tmp_path, sets=SPRITE_SETS[:1])


@pytest.mark.parametrize(("content", "code"), [(b"icons", 0), (b"ico", 0), (b"icons", 1)])
def test_npm_packs_the_pinned_version_and_its_tarball_is_checked(tmp_path, monkeypatch, content, code):
    one = sprite_set(b"icons")
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    # Writes what `npm pack` would into the folder where it is run, and says what it was asked for.
    npm.write_text(
        f"#!/bin/sh\nprintf '%s' '{content.decode()}' > '{one.tarball}'\necho \"asked: $*\" >&2\nexit {code}\n"
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    folder = tmp_path / "out"
    if content == b"icons" and code == 0:
        assert fetch_sets(folder, sets=[one])[one.style].read_bytes() == b"icons"
        return
    asked = rf"asked: pack --silent {one.package}@{one.version}" if code else "checksum is not that of"
    with pytest.raises(InputError, match=asked):
        fetch_sets(folder, sets=[one])
    assert not folder.exists()


def test_is_whole_needs_the_file_and_the_digest(tmp_path):
    assert not is_whole(tmp_path / "none", "x")
