"""Where a server is written down, and whom a program trusts."""

import json
from pathlib import Path

import pytest

from gencontrol.errors import OutputError
from gencontrol.studio.warm.registry import Address, code_version, folder_of_servers, proof, read_address, written_down

ADDRESS = Address(port=7, token="t", process=3, version="v")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_it_is_found_while_it_runs_and_only_its_owner_reads_it() -> None:
    assert read_address() is None
    with written_down(ADDRESS) as path:
        assert read_address() == ADDRESS
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    assert read_address() is None and list(path.parent.iterdir()) == []


def test_the_one_that_started_last_stays_when_an_earlier_one_ends() -> None:
    later = Address(port=8, token="u", process=4, version="v")
    first = written_down(ADDRESS)
    first.__enter__()
    with written_down(later):
        first.__exit__(None, None, None)
        assert read_address() == later


def test_a_file_that_others_can_read_or_that_is_a_link_is_not_trusted(tmp_path: Path) -> None:
    with written_down(ADDRESS) as path:
        path.chmod(0o644)
        assert read_address() is None
        path.chmod(0o600)
        assert read_address() == ADDRESS
        link = tmp_path / "link.json"
        link.symlink_to(path)
        assert read_address(link) is None


WRONG = json.dumps({"port": "x", "token": 1, "process": 1, "version": 1})


@pytest.mark.parametrize("said", ["", "[]", "{}", "[" * 60_000, WRONG])
def test_another_kind_of_file_is_none(said: str, tmp_path: Path) -> None:
    path = tmp_path / "server.json"
    path.write_text(said)
    path.chmod(0o600)
    assert read_address(path) is None


def test_the_session_s_own_folder_comes_first_where_it_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "run"
    own.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(own))
    assert folder_of_servers() == own / "gencontrol"
    own.chmod(0o755)
    assert folder_of_servers() == tmp_path / "gencontrol"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="cannot be written"), written_down(ADDRESS):
        pass


def test_a_proof_is_of_the_token_and_of_the_question() -> None:
    # RFC 4231, test case 2.
    assert proof("Jefe", "what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
    assert proof("a", "q") != proof("b", "q")


def test_the_version_is_the_same_for_the_same_code() -> None:
    assert code_version() == code_version() and code_version().startswith("0.")
