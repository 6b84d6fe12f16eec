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
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_tarball_says_how_to_get_it(tmp_path):
    with pytest.raises(InputError, match=r"npm pack @iconify-json/fluent-emoji@"):
        fetch_sets(tmp_path / "out", sets=SPRITE_SETS[:1], source=tmp_path)


def test_without_npm_the_message_offers_from(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingDependencyError, match=r"npm, which is not on the path.*--from FOLDER"):
        fetch_sets(tmp_path, sets=SPRITE_SETS[:1])


def test_is_whole_needs_the_file_and_the_digest(tmp_path):
    assert not is_whole(tmp_path / "none", "x")
