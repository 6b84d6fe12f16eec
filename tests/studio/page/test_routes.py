"""What the page sends, and what it may fetch."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from gencontrol.studio.page import routes
from gencontrol.studio.page.routes import begin, page_routes
from gencontrol.studio.page.studio import Studio


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
