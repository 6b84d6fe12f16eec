"""What the page sends, and what it may fetch."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gencontrol.errors import InputError
from gencontrol.studio.page import routes, sessions
from gencontrol.studio.page.routes import begin, page_routes, spatial_routes
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.spatial.desk import Desk


@pytest.fixture
def client(studio: Studio) -> TestClient:
    return TestClient(Starlette(routes=page_routes(studio)))


def test_a_picture_is_taken_and_shown_to_its_visitor_alone(client: TestClient, studio: Studio, photo: Path) -> None:
    mine, other = studio.sessions.open(), studio.sessions.open()
    said = client.post(
        f"/studio/{mine.name}/picture", content=photo.read_bytes(), headers={"X-Name": "a%20b.png"}
    ).json()
    assert said["picture"] | {"url": ""} == {"name": "a-b.png", "url": "", "width": 64, "height": 48, "alpha": False}
    assert client.get("/" + said["picture"]["url"]).headers["content-type"] == "image/png"
    name = said["picture"]["url"].rsplit("/", 1)[-1]
    assert client.get(f"/studio/{other.name}/shown/{name}").status_code == 404
    assert client.get(f"/studio/nobody/shown/{name}").status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fsent%2f1%2fa.png", "%2e%2e/sent/1/a.png", "seen.txt", "a.png"])
def test_nothing_beside_what_is_shown_can_be_fetched(
    name: str, client: TestClient, studio: Studio, photo: Path
) -> None:
    visit = studio.sessions.open()
    client.post(f"/studio/{visit.name}/picture", content=photo.read_bytes(), headers={"X-Name": "a.png"})
    (visit.folder / "shown" / "seen.txt").write_text("x")
    assert (visit.folder / "sent" / "1" / "a.png").is_file()
    assert client.get(f"/studio/{visit.name}/shown/{name}").status_code == 404


def test_what_is_sent_is_bounded_and_leaves_nothing_behind(
    client: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = studio.sessions.open()
    monkeypatch.setattr(routes, "LARGEST_UPLOAD", 2**20)
    answer = client.post(f"/studio/{visit.name}/picture", content=b"x" * (2**20 + 1), headers={"X-Name": "big.png"})
    assert answer.status_code == 422 and answer.json() == {"error": "big.png is larger than 1 MB: scale it down first."}
    assert client.post(f"/studio/{visit.name}/mask", content=b"").json() == {"error": "picture.png is empty."}
    assert not [path for path in visit.folder.rglob("*") if path.is_file()]


def test_what_cannot_be_read_is_said_in_a_line(client: TestClient, studio: Studio) -> None:
    visit = studio.sessions.open()
    answer = client.post(f"/studio/{visit.name}/picture", content=b"<svg/>", headers={"X-Name": "a.svg"})
    assert answer.status_code == 422 and answer.json()["error"].startswith(
        "a.svg: expected a picture whose name ends in"
    )
    assert "load it again" in client.post("/studio/nobody/picture", content=b"x").json()["error"]


def test_a_visit_begins_with_the_picture_that_was_named(studio: Studio, photo: Path, tmp_path: Path) -> None:
    name, text = begin(studio, photo)
    said: dict[str, Any] = json.loads(text)
    assert said["session"] == name and said["picture"]["width"] == 64 and said["most"] == 64 * 2**20
    (tmp_path / "bad.png").write_bytes(b"x")
    assert "bad.png is not an image" in json.loads(begin(studio, tmp_path / "bad.png")[1])["error"]
    assert json.loads(begin(studio, None)[1]).keys() == {"session", "most"}


def test_the_mesh_of_a_run_is_who_knows_its_name(tmp_path: Path) -> None:
    (tmp_path / "scene.glb").write_bytes(b"glTF")

    class Runs:
        def mesh(self, name: str) -> Path | None:
            if name == "unknown":
                raise InputError("There is no such run.")
            return tmp_path / "scene.glb" if name == "done" else None

    desk: Any = object.__new__(Desk)
    desk.mesh = Runs().mesh
    client = TestClient(Starlette(routes=spatial_routes(desk)))
    answer = client.get("/studio/spatial/done/scene.glb")
    assert (answer.content, answer.headers["content-type"]) == (b"glTF", "model/gltf-binary")
    assert client.get("/studio/spatial/going/scene.glb").status_code == 404
    assert client.get("/studio/spatial/unknown/scene.glb").json() == {"error": "There is no such run."}
    assert client.get("/studio/spatial/done/job.json").status_code == 404


def test_the_example_is_that_of_the_documentation(client: TestClient, studio: Studio) -> None:
    visit = studio.sessions.open()
    said = client.post(f"/studio/{visit.name}/example").json()
    assert said["picture"] | {"url": ""} == {
        "name": "example.png",
        "url": "",
        "width": 256,
        "height": 256,
        "alpha": False,
    }
    assert visit.picture is not None
    example = Path(__file__).parents[3] / "examples" / "scene.png"
    assert visit.picture.path.read_bytes() == example.read_bytes()


def test_all_files_of_a_visitor_together_are_bounded(
    client: TestClient, studio: Studio, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit, other, sent = studio.sessions.open(), studio.sessions.open(), photo.read_bytes()
    monkeypatch.setattr(sessions, "MOST_BYTES", 2 * len(sent))
    answers = [client.post(f"/studio/{visit.name}/picture", content=sent, headers={"X-Name": "a.png"}) for _ in "123"]
    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert answers[2].json() == {"error": "More than 0 MB were sent: open the page again."}
    assert len([path for path in visit.folder.rglob("a.png")]) == 2
    assert client.post(f"/studio/{other.name}/picture", content=sent, headers={"X-Name": "a.png"}).status_code == 200
