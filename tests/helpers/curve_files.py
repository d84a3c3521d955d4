"""Small invented curves in files like those of the sources of real ones."""

import json

from cptlaw.schedules.schedule import Schedule
from cptlaw_evidence.sources import (
    delphi,
    gemstones,
    lr_schedules,
    multipower,
    olmo,
    optimizers,
    tiny_cpt,
)


def loss_at(step, peak):
    """A smooth curve."""
    return 3.0 + 5.0 / (step + 10.0) ** 0.3 + peak


def write(path, schedule, steps, columns, first=0, more=0.0):
    """A log of one smooth curve with the LR of each step."""
    lines = [f"step,lr,{','.join(columns)}"]
    for step in steps:
        lr = "" if step < 1 else f"{schedule.lr(step):.9g}"
        loss = f"{loss_at(step, schedule.peak) + more:.5f}"
        lines.append(f"{first + step},{lr},{','.join([loss] * len(columns))}")
    path.write_text("\n".join(lines) + "\n")


def every(schedule, stride, start=0):
    return [*range(start, schedule.steps, stride), schedule.steps]


def write_lr_schedules(folder):
    kinds = {"constant": (50_000,), "cosine0": (25_000,), "cosine10": (25_000,)}
    kinds |= {f"wsd{share}-linear": (15_000, 25_000, 35_000) for share in (0.1, 0.2, 0.4, 0.8)}
    kinds |= {"wsd0.2-sqrt": (25_000,)}
    rows = ["name,schedule,peak_lr,steps,warmup,final_val_loss_full_set"]
    for peak in lr_schedules.PEAKS:
        for kind, lengths in kinds.items():
            for steps in lengths:
                names = [f"{kind}_lr{peak}_T{steps}"]
                names += [f"{names[0]}_rerun"] if kind == "constant" else []
                for name in names:
                    schedule = lr_schedules.schedule(kind, float(peak), steps)
                    more = 0.01 if "wsd0.8" in kind else 0.0  # real runs that branched nowhere
                    steps_of = every(schedule, 500)
                    write(folder / f"{name}.csv", schedule, steps_of, ["val_loss"], more=more)
                    rows.append(f"{name},{kind},{peak},{steps},300,3.1")
    (folder / "runs.csv").write_text("\n".join(rows) + "\n")


def write_multipower(folder):
    for name, text in multipower.SCHEDULES.items():
        schedule = Schedule.parse(f"{multipower.WARMUP} | {text}")
        write(folder / f"{name}.csv", schedule, every(schedule, 1000, 2500), ["loss"])


def write_olmo(folder):
    for size in olmo.PEAK:
        for kind, lengths in (("constant", ("10xC",)), ("cosine", None), ("decay", None)):
            for length in lengths or olmo.LENGTHS:
                schedule = olmo.schedule(size, kind, length)
                start = olmo.decay_start(size, length) if kind == "decay" else 100
                steps = every(schedule, max(schedule.steps // 60, 10), start)
                write(folder / f"{size}_{kind}_{length}.csv", schedule, steps, olmo.DOMAINS)


def write_tiny_cpt(folder):
    texts = {"pt_const": "warmup 200 to 1e-3 | constant 3800", "pt_anneal": "linear 800 to 0"}
    for name in (tiny_cpt.BASE, *tiny_cpt.STARTS):
        schedule = Schedule.parse(texts.get(name, "cosine 1500 to 1e-4"), 1e-3)
        steps, first = every(schedule, 100), tiny_cpt.first_step(name)
        write(folder / f"{name}.csv", schedule, steps, ["pt", "py"], first)
        (folder / f"{name}.lrs.json").write_text(json.dumps(schedule.lr().tolist()))


def write_delphi(folder):
    rows = ["file,base,replay_share_pt,peak_lr,warmup_steps,total_steps"]
    stems = {"1e21_p33m67": (0.33, 0.5, 0.67), "1e21_p67m33": (0.33, 0.5, 0.67)}
    for stem, factors in (stems | {"1e21_p50m50": (0.5,), "1e22_p33m67": (0.33,)}).items():
        for factor in factors:
            name, peak = f"{stem}_lr{round(100 * factor)}", 7.425e-3 * factor
            schedule = Schedule.parse(f"warmup 500 to {peak} | linear 3911 to 0")
            write(folder / f"{name}.csv", schedule, every(schedule, 200), ["math"])
            share = float(f"0.{stem[6:8]}")
            rows.append(f"{name}.csv,{stem[:4]},{share},{peak},500,4411")
    (folder / "runs.csv").write_text("\n".join(rows) + "\n")


RECIPES = {
    "muon_T3150_lr0.035_wd0.025": ("muon", 3150, 0.035, "0.025", 0.7, 0),
    "muon_T3350_lr0.035_wd0.025": ("muon", 3350, 0.035, "0.025", 0.7, 0),
    "adamw_T5625_lr0.0015_wdna": ("adamw", 5625, 0.0015, "", 0.7, 250),
    "adamh_T3000_lrna_wdna": ("adamh", 3000, "", "", 0.7, 0),
}


def write_optimizers(folder):
    head = "file,optimizer,schedule_steps,main_lr,weight_decay,cooldown_frac_main,warmup"
    rows = [head]
    for recipe, (kind, steps, peak, decay, share, warmup) in RECIPES.items():
        for seed in (1, 2):
            name = f"{recipe}_s0{seed}"
            rows.append(f"{name}.csv,{kind},{steps},{peak},{decay},{share},{warmup}")
            if peak:
                schedule = optimizers.schedule(peak, steps, warmup, share)
                at = every(schedule, 125)
                write(folder / f"{name}.csv", schedule, at, ["val"], more=0.1 * seed)
    (folder / "runs.csv").write_text("\n".join(rows) + "\n")


def write_gemstones(folder):
    """Two shapes with a stem of their own, one whose branches left another run, one without."""
    rows = ["file,params,peak_lr_inferred,last_step"]
    branches = ["model,start_step,end_step,loss_before,loss_after"]
    for shape in ("256x23", "1280x36", "3072x12", "512x14"):
        for kind, peak, steps in (("hot", 1e-3, 40_000), ("half", 5e-4, 23_840)):
            if (shape, kind) == ("512x14", "half"):
                continue
            schedule = Schedule.constant(peak, steps)
            write(folder / f"{shape}_{kind}.csv", schedule, range(477, steps, 477), ["train"])
            size = 1e9 if shape == "1280x36" else 1e8
            rows.append(f"{shape}_{kind}.csv,{size:g},{peak},{steps}")
        for start in range(2385, 23_850, 2385) if shape != "512x14" else ():
            before = loss_at(start, 1e-3) + (0.01 if shape == "3072x12" else 0.0)
            after = before - 0.08
            branches.append(f"{shape},{start},{round(1.1 * start)},{before:.5f},{after:.5f}")
    (folder / "runs.csv").write_text("\n".join(rows) + "\n")
    (folder / "cooldowns.csv").write_text("\n".join(branches) + "\n")


WRITERS = {
    delphi.NAME: write_delphi,
    gemstones.NAME: write_gemstones,
    optimizers.NAME: write_optimizers,
    lr_schedules.NAME: write_lr_schedules,
    multipower.NAME: write_multipower,
    olmo.NAME: write_olmo,
    tiny_cpt.NAME: write_tiny_cpt,
}
