"""What people write, or software hands on: a few whole ones of each kind, and how each is used."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import beside_kinds as beside
import cptlaw
from cptlaw import Schedule, datasets
from cptlaw.errors import CptlawError, DataError
from cptlaw.output import store
from input_mutations import Mutation, json_values, query, toml_values, words
from schedule_samples import OF_EACH_KIND

HERE = Path(__file__).parent
EXPERIMENTS = HERE.parents[1] / "src/cptlaw/lab/presets"
_FITTED = 25  # one study of so many that are read is fitted too


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Args:
        name: of the kind.
        file: name of the file in which a damaged one is put.
        seeds: whole ones by name.
        mutate: what is done to them besides the damage of bytes.
        use: reads one and uses it; what it came to, with "wrong" if that may not be.
        beside: files beside it.
        seconds: of the processor that one may take.
        named: whether an error must name the file.
    """

    name: str
    file: str
    seeds: Callable[[], Mapping[str, bytes]]
    mutate: Mutation
    use: Callable[[Path], dict[str, Any]]
    beside: Callable[[], Mapping[str, bytes]] = field(default=dict)
    seconds: float = 5.0
    named: bool = True


def _schedules() -> dict[str, bytes]:
    said = list(OF_EACH_KIND.values())
    said += [
        "warmup 500 to 2e-4 | constant 3e3 | cosine 9500 to 0",
        "constant 300 | linear 700 to 0",
    ]
    said += ["transformers:cosine lr=2e-4 num_training_steps=1000 num_warmup_steps=10"]
    said += ["nanochat:base_train num_iterations=500 warmup_steps=40"]
    return {text: text.encode() for text in said}


def _use_schedule(path: Path) -> dict[str, Any]:
    text = path.read_bytes().decode("utf-8", "replace")
    schedule = Schedule.parse(text, start_lr=1e-4)
    steps = schedule.steps
    places = np.unique(np.linspace(1, steps, min(steps, 50)).astype(int))
    lr = schedule.lr(places)
    wrong = "" if steps >= 1 and np.isfinite(lr).all() and (lr >= 0).all() else "odd LRs"
    if steps < 100_000:
        again = Schedule.parse(schedule.text, start_lr=1e-4).lr(places)
        wrong = wrong or ("" if np.allclose(again, lr, rtol=1e-9) else "its text says another")
    return {"wrong": wrong}


def _study_files() -> dict[str, bytes]:
    folder = datasets.path("tiny-cpt")
    return {"study": (folder / "study.toml").read_bytes()}


@cache
def _study_logs() -> Mapping[str, bytes]:
    folder = datasets.path("tiny-cpt")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "study.toml"
    }


_read = 0


def _use_study(path: Path) -> dict[str, Any]:
    global _read
    study = cptlaw.load_study(path)
    _read += 1
    wrong = ""
    for run in study.runs:
        if run.schedule is not None and not np.isfinite(run.schedule.lr()).all():
            wrong = "odd LRs"
        if any(not np.isfinite(curve.loss).all() for curve in run.curves.values()):
            wrong = "odd losses"
    if _read % _FITTED == 0:
        with suppress(CptlawError):  # of a study that cannot be fitted
            cptlaw.fit(study).summary()
    return {"wrong": wrong}


def _stored() -> dict[str, bytes]:
    old = {
        path.name: path.read_bytes() for path in (HERE.parent / "output/files_0_1_0").glob("*.json")
    }
    study = datasets.load("tiny-cpt")
    fit = cptlaw.fit(study)
    future = cptlaw.forecast(fit, "constant 300 | linear 700 to 0", after="base")
    values = {"study": study, "fit": fit, "forecast": future, "run": study.runs[0]}
    return old | {name: store.to_json(value).encode() for name, value in values.items()}


def _use_stored(path: Path) -> dict[str, Any]:
    value = store.load(path)
    text = store.to_json(value)
    again = store.to_json(store.from_json(text))
    if summary := getattr(value, "summary", None):
        summary()
    return {"wrong": "" if again == text else "written and read, it is another"}


def _experiments() -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in EXPERIMENTS.glob("*.toml")}


def _use_experiment(path: Path) -> dict[str, Any]:
    from cptlaw.lab import experiment

    found = experiment.load(path)
    odd = [node.name for node in found.nodes if not np.isfinite(node.schedule.lr()).all()]
    return {"wrong": f"odd LRs in {odd}" if odd else ""}


_ASKED = (
    "v=1&start=base&peak=0.001&steps=1000&warmup=0.01&family=wsd&decay=0.2&decay_shape=linear&power=2&"
    "end=0&replay=0.1&potential=0.5&pin=start%3Dbase%26peak%3D0.002&w.pt=1&w.cpt=2&show=pt,cpt&"
    "layers=intervals,data,base&unit=tokens&theme=dark&colour=1"
)
_WORDS = ("open", "curves", "layers", "words", "live", "export/csv", "export/study", "export/x")
_LOG = "step,lr,loss\n1,1e-4,3\n2,1e-4,2.9\n"
_POSTS = {
    "drop": {"post": "drop", "name": "a.csv", "text": _LOG},
    "draft": {"post": "draft", "json": {"token": "x", "pt": "loss", "cpt": "", "unknown": "m"}},
    "fit": {"post": "fit", "json": {"token": "x", "study": "[domains]\npt = 'loss'\n"}},
}


def _requests() -> dict[str, bytes]:
    found = {name: f"/api/{name}?{_ASKED}".encode() for name in _WORDS}
    return found | {name: json.dumps(asked).encode() for name, asked in _POSTS.items()}


def _mutate_request(rng: Any, data: bytes) -> bytes:
    return query(rng, data) if data.startswith(b"/") else json_values(rng, data)


@cache
def _client() -> Any:
    from cptlaw.explorer.server import make_app

    app = make_app(lambda progress: ("tiny-cpt", cptlaw.fit(datasets.load("tiny-cpt")), ""))
    shelf, _ = app.extensions["cptlaw"]
    while shelf.job("first").status == "running":
        time.sleep(0.1)
    return app.test_client()


def _answer(data: bytes) -> Any:
    client = _client()
    if data[:1] == b"/":
        return client.get("/" + data.decode("utf-8", "replace").lstrip("/"))
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        return client.post("/api/draft", data=data, content_type="application/json")
    asked = asked if isinstance(asked, dict) else {"json": asked}
    if asked.get("post") == "drop":
        text, name = (str(asked.get(key)).encode("utf-8", "replace") for key in ("text", "name"))
        form = {"file": [(io.BytesIO(text), "file")], "path": [name.decode()]}
        return client.post("/api/drop", data=form)
    where = "/api/fit" if asked.get("post") == "fit" else "/api/draft"
    sent = json.dumps(asked.get("json"))
    return client.post(where, data=sent, content_type="application/json")


def _use_request(path: Path) -> dict[str, Any]:
    with _answer(path.read_bytes()) as answer:
        return _judged(answer)


def _judged(answer: Any) -> dict[str, Any]:
    if answer.status_code >= 500:
        return {"wrong": f"status {answer.status_code}"}
    if answer.is_json:
        said = json.loads(answer.data, parse_constant=_odd)
        if isinstance(said, dict) and said.get("error"):
            raise DataError(str(said["error"]))
    return {"wrong": ""}


def _odd(word: str) -> None:
    raise AssertionError(f"{word} in an answer")


KINDS = (
    Kind("schedule", "schedule.txt", _schedules, words, _use_schedule, named=False),
    Kind("study", "study.toml", _study_files, toml_values, _use_study, _study_logs),
    Kind("stored", "value.json", _stored, json_values, _use_stored),
    Kind("experiment", "trial.toml", _experiments, toml_values, _use_experiment),
    *(
        Kind(f"beside {kind}", file, seeds, beside.mutate, beside.use, beside.beside, named=False)
        for kind, file, seeds in (
            ("json", "training_args.json", beside.of_json),
            ("yaml", "config.yaml", beside.of_yaml),
            ("litgpt", "hyperparameters.yaml", beside.of_yaml),
        )
    ),
    Kind("page", "request", _requests, _mutate_request, _use_request, named=False),
)
