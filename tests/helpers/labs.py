"""A tiny experiment that trains in a second, its texts and tokens made once in a test run."""

import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

EXPERIMENT = """
name = "tiny"
seed = 1
[tokenizer]
vocabulary = 300
[text.docs]
path = "TEXTS/docs.jsonl"
[text.code]
path = "TEXTS/code.jsonl"
[data]
pt = { docs = 0.75, code = 0.25 }
cpt = "code"
far = "docs"
[validation]
tokens = 512
[model.small]
width = 16
layers = 1
heads = 2
[model.big]
width = 24
layers = 2
heads = 2
kv_heads = 1
tied = true
[training]
batch_sequences = 4
sequence_length = 16
evaluate_every = 4
"""
BASE = """
[[run]]
name = "base"
schedule = "warmup 4 to 1e-2 | constant 8"
"""
CPT = """
[[run]]
name = "cpt"
after = "base"
schedule = "cosine 8 to 0"
"""


@dataclass
class Lab:
    """A folder with an experiment file, and what is done with it.

    Args:
        folder: where the experiment file and the runs are.
        texts: the folder of docs.jsonl and code.jsonl.
        data: tokens made of them by the settings of EXPERIMENT, None to make them anew.
        done: the runs BASE and CPT, done.
        said: what the last sweep told.
    """

    folder: Path
    texts: Path
    data: Path | None
    done: Path | None = None
    said: list[str] = field(default_factory=list)

    def write(self, *runs, changes=None, name="tiny.toml"):
        """An experiment file of these runs, with some parts of it changed."""
        text = changed(EXPERIMENT + "".join(runs or (BASE, CPT)), changes)
        path = self.folder / name
        path.write_text(text.replace("TEXTS", str(self.texts)))
        return path

    def load(self, *runs, changes=None):
        """The experiment of these runs."""
        from cptlaw.lab import experiment

        return experiment.load(self.write(*runs, changes=changes))

    def out(self, name="out"):
        """A folder for runs, with the tokens in it."""
        out = self.folder / name
        if self.data is not None and not out.exists():
            shutil.copytree(self.data, out / "data")
        return out

    def finished(self, name="out"):
        """A folder in which the runs BASE and CPT are done."""
        assert self.done is not None
        return Path(shutil.copytree(self.done, self.folder / name))

    def corpus(self, experiment):
        """The tokens of an experiment."""
        from cptlaw.lab import tokens

        return tokens.prepare(experiment, self.out() / "data", self.said.append)

    def sweep(self, *runs, changes=None, out="out", only=()):
        """The runs done in this process, by one thread."""
        from cptlaw.lab import sweep as sweeps
        from cptlaw.lab.engines.local import local

        loaded = self.load(*runs, changes=changes)
        names = sweeps.chosen(loaded, only)
        self.said.clear()
        job = sweeps.Job(loaded, self.out(out), names, threads=1)
        return sweeps.sweep(job, local, self.said.append)


def changed(text, changes):
    """A text with some parts of it, which it must have, replaced."""
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    return text


def write_texts(folder):
    """Two texts of 300 documents, whose words are partly the same."""
    folder.mkdir(exist_ok=True)
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghij", k=draw.randint(2, 7))) for _ in range(200)]
    for name, own in (("docs", words[:120]), ("code", words[80:])):
        rows = [" ".join(draw.choices(own, k=60)) for _ in range(300)]
        write_rows(folder / f"{name}.jsonl", rows)
    return folder


def write_rows(path, rows):
    path.write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))


def history(run):
    """What a run logged, without the speeds: entry after entry."""
    state = json.loads((run / "trainer_state.json").read_text())
    return [logged for row in state["log_history"] if (logged := _reproducible(row))]


def _reproducible(row):
    losses = {k: v for k, v in row.items() if k == "loss" or k.endswith("_loss")}
    losses.pop("train_loss", None)
    return losses and losses | {k: row[k] for k in ("step", "learning_rate") if k in row}


def evaluations(run):
    """Losses by column: column -> step -> loss."""
    found = {}
    for row in history(run):
        for column, value in row.items():
            if column.startswith("eval_"):
                found.setdefault(column, {})[row["step"]] = value
    return found


def rates(run):
    """Logged learning rate by step."""
    return {row["step"]: row["learning_rate"] for row in history(run) if "loss" in row}


def steps_of(run):
    """Steps of the complete checkpoints in a run's folder."""
    return sorted(int(p.parent.name.split("-")[1]) for p in run.glob("checkpoint-*/complete"))


def weights(run, step):
    """The bytes of the weights at a step."""
    return (run / f"checkpoint-{step}" / "model.safetensors").read_bytes()


def record(run):
    return json.loads((run / "run.json").read_text())
