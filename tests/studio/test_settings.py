"""What a server may be asked to be."""

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from gencontrol.errors import CheckpointError, ConfigError, InputError, MissingDependencyError, PairingError
from gencontrol.studio import serving
from gencontrol.studio.page.build import read_passwords, studio_serving
from gencontrol.studio.settings import ServingSettings, StudioSettings, check_serving


def test_usual_settings_are_for_this_machine_alone() -> None:
    usual = StudioSettings()
    check_serving(usual)
    assert (usual.host, usual.concurrency, usual.auth, usual.model) == ("127.0.0.1", 1, None, "tiny")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"port": 65536}, "`port`: expected 0 or more and at most 65,535, got 65536."),
        ({"port": -1}, "`port`: expected 0 or more"),
        ({"concurrency": 0}, "`concurrency`: expected 1 or more and at most 16, got 0."),
        ({"concurrency": 17}, "got 17"),
        ({"model": " "}, "`model` is empty"),
        ({"host": "0.0.0.0"}, "`host` 0.0.0.0: other machines could reach the page"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_serving(StudioSettings(**changed))
    assert message in str(refused.value)


def test_another_host_wants_passwords_that_nobody_else_reads(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("ann:one:two\n\n bob :x\n")
    file.chmod(0o600)
    check_serving(StudioSettings(host="0.0.0.0", auth=str(file)))
    assert read_passwords(file) == [("ann", "one:two"), ("bob", "x")]
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read it: chmod 600 users"):
        read_passwords(file)
    file.chmod(0o600)
    for wrong in ("", "ann\n", ":x\n", "ann:\n"):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match="expected lines of USER:PASSWORD"):
            read_passwords(file)


def test_names_of_a_server_have_its_port() -> None:
    assert serving.allowed_hosts("127.0.0.1", 80) == {"127.0.0.1:80", "localhost:80", "[::1]:80"}
    assert serving.allowed_hosts("192.168.0.7", 81) == {"192.168.0.7:81"}
    assert serving.allowed_hosts("0.0.0.0", 80) is None


def test_two_servers_that_start_at_once_do_not_get_one_port() -> None:
    with serving.bind("127.0.0.1", 0) as first:
        with pytest.raises(ConfigError, match="cannot be had"):
            serving.bind("127.0.0.1", first.getsockname()[1])


def test_a_port_that_is_taken_is_refused_in_a_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"`port` {port} of 127.0.0.1 cannot be had"):
            serving.bind("127.0.0.1", port)
    with pytest.raises(ConfigError, match="cannot be had"):
        serving.bind("203.0.113.1", 0)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    serving.check_extra()
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'gencontrol\[studio\]'"):
        serving.check_extra()
    with pytest.raises(MissingDependencyError), serving.serving(ServingSettings(port=0)):
        pass


def test_a_picture_that_is_not_there_is_told_before_anything_starts() -> None:
    with (
        pytest.raises(InputError, match=r"No picture at nowhere\.png"),
        studio_serving(StudioSettings(picture="nowhere.png")),
    ):
        pass


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("/dev/null", "/dev/null is a device or a socket; expected an image file"),
        (".", "is a folder; expected an image file"),
        ("https://example.com/a.png", "https://example.com/a.png is an address; expected a picture: download it"),
    ],
)
def test_what_is_no_picture_is_told_as_what_it_is(picture: str, message: str) -> None:
    with pytest.raises(InputError, match=message), studio_serving(StudioSettings(picture=picture)):
        pass


def test_a_model_that_cannot_be_opened_is_refused_before_a_port_is(tmp_path: Path, tiny_folder: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"")
    shutil.copytree(tiny_folder, tmp_path / "lacks")
    (tmp_path / "lacks" / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    with serving.bind("127.0.0.1", 0) as taken:
        for name, message in (
            (tmp_path / "photo.png", "is a file: expected a preset"),
            (tmp_path, r"has no model_index\.json"),
            ("tinny", r"No model at 'tinny'|tinny has no model_index\.json"),
            ("sdxl-ip-plus", "is a host of references"),
            (tmp_path / "lacks", "the component unet has no weights"),
        ):
            settings = ServingSettings(model=str(name), port=taken.getsockname()[1], offline=True)
            with pytest.raises((CheckpointError, PairingError), match=message), serving.serving(settings):
                pass


class Told:
    """A pool whose first run ends at once, as it is told to."""

    def __init__(self, message: dict[str, Any]) -> None:
        self.message = message

    def warm_up(self, job: Any, failed: Any) -> None:
        assert job == {"do": "open", "model": "tiny", "offline": False}
        failed(self.message)


class Silent:
    """A server that has nothing to do."""

    should_exit = False

    def run(self, sockets: Any) -> None:
        """Ends at once."""


def test_a_server_ends_where_its_model_cannot_be_opened() -> None:
    broken = {"kind": "error", "type": "CheckpointError", "message": "model.safetensors is cut."}
    server: Any = Silent()
    with socket.socket() as listening:
        run = serving._ending(server, listening, Told(broken), ServingSettings())
        assert server.should_exit
        with pytest.raises(CheckpointError, match=r"^model\.safetensors is cut\.$"):
            run()
        # A process that was killed is started again.
        server = Silent()
        serving._ending(server, listening, Told(broken | {"type": "Fault"}), ServingSettings())()
    assert not server.should_exit


@pytest.mark.parametrize("content", [b"", b"a text", b"\x89PNG\r\n\x1a\n"])
def test_a_file_that_is_no_picture_is_told_before_anything_starts(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png is "), studio_serving(StudioSettings(picture=str(path))):
        pass
