"""The server's answers: what they hold, whom they are for, what they refuse."""

import contextlib
import io
import json
import socket
from types import SimpleNamespace

import pytest

from cptlaw.errors import DataError
from cptlaw.explorer import drops, exports, replies
from cptlaw.explorer.state import Choice, State
from cptlaw.output import store

flask = pytest.importorskip("flask", reason="the explorer's extra is not installed")
pytest.importorskip("plotly", reason="the explorer's extra is not installed")

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def app(fit):
    from cptlaw.explorer.server import make_app

    made = make_app(lambda progress: ("tiny-grid", fit, ""))
    shelf, kept = made.extensions["cptlaw"]
    while shelf.job("first").status == "running":
        pass
    assert shelf.job("first").status == "done", shelf.job("first")
    yield made
    kept.close()


@pytest.fixture
def client(app):
    return app.test_client()


def dropped(client, *files):
    data = {
        "file": [(io.BytesIO(content), "file") for _, content in files],
        "path": [name for name, _ in files],
    }
    return client.post("/api/drop", data=data).get_json()


def test_the_page_fetches_nothing_from_elsewhere(client):
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert b"http://" not in page.data and b"https://" not in page.data
    page.close()
    for name in ("main.js", "page.css", "icon.svg"):
        with client.get(f"/assets/{name}") as asset:
            assert asset.status_code == 200
    assert client.get("/assets/../server.py").status_code == 404
    with client.get("/plotly.js") as library:
        assert library.mimetype == "text/javascript"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "10.0.0.1"])
def test_another_name_for_this_machine_is_refused(client, host):
    assert client.get("/api/open", headers={"Host": host}).status_code == 403


def test_other_pages_cannot_ask(client):
    headers = {"Origin": "http://evil.example"}
    assert client.post("/api/fit", json={}, headers=headers).status_code == 403
    crossing = {"Sec-Fetch-Site": "cross-site"}
    assert client.get("/api/curves", headers=crossing).status_code == 403


def test_it_opens_with_all_that_the_page_needs(client, fit):
    opened = client.get("/api/open").get_json()
    assert opened["roles"] == list(fit.domains)
    assert opened["state"]["choice"]["start"] == "base"
    assert {"study", "json", "csv", ".py"} <= set(opened["exports"])


def test_curves_are_those_of_the_address(client):
    reply = client.get(
        "/api/curves?peak=0.0003&steps=300&layers=intervals,base&dark=dark"
    ).get_json()
    assert reply["schedule"].startswith("warmup 3 to 0.0003")
    assert {trace["yaxis"] for trace in reply["traces"]} == {"y", "y2", "y3"}
    assert len(reply["ranges"]) == 3
    layers = client.get("/api/layers?layers=data,fits").get_json()
    assert layers["traces"]


def test_figures_are_figures_of_plotly(client):
    from plotly.graph_objects import Figure

    reply = client.get("/api/curves?steps=5000").get_json()
    layout = {**reply["layout"], "shapes": [*reply["shapes"], *reply["peaks"]]}
    assert Figure({"data": reply["traces"], "layout": layout}).data
    best = client.get("/api/best?steps=300").get_json()
    assert Figure(best["figure"]).data


@pytest.mark.parametrize("path", ["open", "curves", "words", "layers", "best", "export/json"])
def test_an_unknown_fit_is_told_in_words(client, path):
    reply = client.get(f"/api/{path}?fit={HOSTILE}").get_json()
    assert "does not know that fit" in reply["error"]


def test_a_run_that_cannot_be_is_told_in_words(client):
    assert "nobody" in client.get("/api/curves?start=nobody").get_json()["error"]
    assert "'nonsense'" in client.get("/api/words?base=nonsense&start=").get_json()["error"]
    assert "no export" in client.get("/api/export/exe").get_json()["error"]


def test_a_json_brings_the_page_back(client):
    state = State(choice=Choice("base"), weights={"pt": 2.0}, shown=("cpt",))
    file = client.get(f"/api/export/json?{state.query}").get_json()
    assert json.loads(file["text"])["domains"]["pt"]["final"] > 0
    reply = dropped(client, (file["name"], file["text"].encode()))
    assert reply == {"kind": "state", "query": state.query}


def test_a_study_holds_the_run(client):
    text = client.get("/api/export/study?peak=0.0004&potential=0.5").get_json()["text"]
    assert 'name = "explored-start"' in text
    assert 'after = "explored-start"' in text
    assert "warmup" in text.split('name = "explored"')[1]


def test_a_csv_has_a_row_for_each_place(client):
    lines = client.get("/api/export/csv").get_json()["text"].splitlines()
    assert lines[0].startswith("step,learning_rate,pt,pt.low,pt.high,cpt")
    assert len(lines) > 100


@pytest.mark.parametrize("kind", exports.kinds())
def test_every_export_is_a_file(client, kind):
    reply = client.get(f"/api/export/{kind}?family=cosine&replay=0.25").get_json()
    assert reply["text"]
    assert reply["name"].endswith("study.toml" if kind == "study" else kind)


def test_a_fit_is_opened(client, fit):
    reply = dropped(client, ("fit.json", store.to_json(fit).encode()))
    assert reply["kind"] == "fit"
    assert client.get(f"/api/open?fit={reply['key']}").get_json()["name"] == "fit.json"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fit.json", b'{"cptlaw": "Fit", "version": 1, "value": {}}'),
        ("fit.json", b'{"cptlaw": "Fit", "version": 99, "value": {}}'),
        ("fit.json", b"[" * 100_000),
        ("log.csv", b"\x00\x01\x02 no log"),
        ("log.csv", b""),
        ("run.json", b'{"cptlaw_explorer": 7}'),
        ("study.toml", b"not = [toml"),
        ("study.toml", b"[domains]\npt = 'x'\n[[run]]\nname = 'a'\nlog = '/etc/passwd'\n"),
        ("study.toml", b"[domains]\npt = 'x'\n[[run]]\nname = 'a'\nlrs = '../../x.json'\n"),
        (HOSTILE, b"a,b\n1,2\n"),
    ],
)
def test_bad_files_are_told_in_words(client, name, content):
    reply = dropped(client, (name, content))
    assert reply["error"]
    assert "Traceback" not in reply["error"]


def test_no_file_at_all(client):
    assert "no file" in dropped(client)["error"]


def test_too_large_a_drop_is_refused(client, app, monkeypatch):
    monkeypatch.setitem(app.config, "MAX_CONTENT_LENGTH", 1000)
    data = {"file": [(io.BytesIO(b"x" * 5000), "file")], "path": ["log.csv"]}
    assert client.post("/api/drop", data=data).status_code == 413


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/abs/log.csv", "abs/log.csv"),
        ("C:\\x\\log.csv", "C_/x/log.csv"),
        (HOSTILE, "_img_src_x_onerror_alert_1_"),
        ("...", "_"),
        (".hidden", "hidden"),
    ],
)
def test_names_do_no_harm(given, kept):
    assert drops.harmless(given) == kept


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        (
            "give after = 'RUN' (--after), or base_schedule (--base-schedule).",
            "give after = 'RUN', or base_schedule.",
        ),
        ("Do this run first. Or insist: anyway = True (--anyway).", "Do this run first."),
        ("steps (at most 5) are few.", "steps (at most 5) are few."),
    ],
)
def test_options_of_the_command_line_are_not_told_on_the_page(words, plain):
    assert replies.plain(words) == plain


def test_wishes_that_are_no_wishes(client):
    assert "JSON" in client.post("/api/fit", data="x").get_json()["error"]
    assert "object" in client.post("/api/fit", json=[1]).get_json()["error"]
    assert "not here" in client.post("/api/fit", json={"token": HOSTILE}).get_json()["error"]
    assert "no such job" in client.get("/api/job/77").get_json()["error"]


def test_a_server_on_an_address_answers_to_its_names_and_to_addresses():
    from cptlaw.explorer.server import _is_ours

    for asked in ("127.0.0.1:80", "10.0.0.1:8080", "[::1]:8080", "0.0.0.0"):
        assert _is_ours(asked, "0.0.0.0")
    for asked in ("evil.example", "10.0.0.1.evil.example:80"):
        assert not _is_ours(asked, "0.0.0.0")


def test_one_study_file_at_a_time(client):
    told = dropped(client, ("a.toml", b"[domains]"), ("b.toml", b"[domains]"))
    assert told["error"] == "several study files (a.toml, b.toml); drop one with its logs."


def test_where_no_run_is_followed_it_is_told(client):
    assert "no run is followed here" in client.get("/api/live?").get_json()["error"]


def test_until_the_first_fit_is_made_the_page_is_told_how_far_it_is():
    from cptlaw.explorer.server import make_app

    def make(progress):
        raise DataError("the study has no log")

    made = make_app(make)
    shelf, kept = made.extensions["cptlaw"]
    while shelf.job("first").status == "running":
        pass
    told = made.test_client().get("/api/open").get_json()
    assert told["error"] == "the study has no log"
    kept.close()


def test_all_ports_in_use_are_told(monkeypatch):
    from cptlaw.explorer import serving

    with contextlib.ExitStack() as held:
        held.enter_context(taken := socket.socket())
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(serving, "PORT", port)
        monkeypatch.setattr(serving, "_TRIED", 1)
        with pytest.raises(DataError, match=f"no port of {port} to {port} is free"):
            serving.listen(lambda progress: None)


@pytest.mark.parametrize(
    ("host", "shown"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("here", "here")]
)
def test_the_address_of_the_page(host, shown):
    from cptlaw.explorer.serving import url_of

    assert url_of(SimpleNamespace(port=80), host) == f"http://{shown}:80/"


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        ("none", set()),
        ("base", {"without shift"}),
        ("annealing", {"without annealing"}),
        ("intervals", {""}),
    ],
)
def test_layers_are_drawn_besides_the_curves(client, fit, layers, names):
    traces = client.get(f"/api/curves?layers={layers}&show=cpt").get_json()["traces"]
    assert {trace["name"] for trace in traces} == {"learning rate", "cpt"} | names
    ends = {trace["name"]: trace["y"][-1] for trace in traces}
    if names - {""}:
        assert ends[names.pop()] != ends["cpt"]


def test_a_base_that_is_a_schedule_is_no_run_of_a_study(client):
    asked = "/api/export/study?start=&base=constant%20500%20to%201e-3"
    assert "take the schedule instead" in client.get(asked).get_json()["error"]
