// The page: one state, kept in the address; everything else follows from it.
import { Dials } from "./dials.js";
import { Stage } from "./draw.js";
import { Live } from "./live.js";
import { Drop } from "./drop.js";
import { $, ask, later, make, toast, trouble } from "./parts.js";
import { query, sameChoice } from "./state.js";
import { Tour } from "./tour.js";
import { clearBest, moveHere, showBest, showEquations, showExports, showLosses, showPins, showRuns, showVerdict, showWeights } from "./told.js";

const LAYERS = { intervals: "intervals", data: "data", fits: "fits", base: "without shift", annealing: "without annealing" };
const system = window.matchMedia("(prefers-color-scheme: dark)");
const page = { opened: null, state: null, dials: null, best: null, pushed: 0 };

const isDark = () => page.state.theme === "dark" || (page.state.theme === "auto" && system.matches);

const stage = new Stage(isDark, (main, pins, done) => {
  trouble("trouble", "");
  $("schedule").textContent = main.schedule;
  page.dials.showPotential(main.start);
  showRuns(main, pins, unpin, usePin);
  showPins(main, pins);
  moveHere(main.ends, page.best, Boolean(page.best) && sameChoice(page.state.choice, page.best.choice));
  document.documentElement.dataset.ready = "yes";
}, (error) => { trouble("trouble", error); document.documentElement.dataset.ready = "yes"; });

const tellSoon = () => {
  document.documentElement.dataset.now = query(page.state);
  tellLater();
};

const tellLater = later(async () => {
  const asked = query(page.state);
  const told = await ask(`/api/words?${asked}`);
  if (asked !== query(page.state)) return;
  if (told.error) { trouble("trouble", told.error); return; }
  showVerdict(told);
  showLosses(told.rows);
  showEquations(told);
  document.documentElement.dataset.told = asked;
}, 200);

const live = new Live(() => `${query(page.state)}&dark=${isDark() ? "dark" : ""}`, (reply) => {
  stage.live = reply.traces;
  stage.draw({ ...page.state }, true, 0);
});

function remember() {
  const url = `?${query(page.state)}`;
  const now = performance.now();
  const soon = now - page.pushed < 700;
  page.pushed = now;
  if (soon) history.replaceState(null, "", url);
  else if (url !== location.search) history.pushState(null, "", url);
}

function refresh(done = true, began = 0) {
  page.dials.show(page.state.choice, page.best && page.best.choice);
  stage.draw({ ...page.state }, done, began);
  if (done) remember();
  tellSoon();
}

function turned(changes, done) {
  const began = performance.now();
  page.state.choice = { ...page.state.choice, ...changes };
  if (["start", "base", "steps", "potential", "model_size"].some((name) => name in changes)) forgetBest();
  refresh(done, began);
}

function forgetBest() {
  page.best = null;
  clearBest();
}

function pin() {
  const { state, opened } = page;
  if (state.pins.some((each) => sameChoice(each, state.choice))) { toast("This run is pinned already."); return; }
  if (state.pins.length >= opened.most_pins) { toast(`At most ${opened.most_pins} runs; take one away first.`); return; }
  state.pins = [...state.pins, { ...state.choice }];
  toast("Pinned. Drag on to compare.");
  refresh();
}

function unpin(index) {
  page.state.pins = page.state.pins.filter((_, i) => i !== index);
  refresh();
}

function usePin(index) {
  forgetBest();
  page.state.choice = { ...page.state.pins[index] };
  refresh();
}

function chips(box, entries, isOn, turn, type = "checkbox") {
  const legend = box.querySelector("legend");
  box.replaceChildren(legend, ...entries.map(([value, words]) => {
    const input = make("input", { type, name: box.id, value });
    input.checked = isOn(value);
    input.addEventListener("change", () => turn(value, input.checked, input));
    return make("label", { class: "chip" }, input, make("span", {}, words));
  }));
}

function showChips() {
  const { opened, state } = page;
  chips($("domains"), opened.roles.map((role) => [role, role]), (role) => state.shown.includes(role), (role, on, input) => {
    const wanted = opened.roles.filter((each) => (each === role ? on : state.shown.includes(each)));
    if (!wanted.length) { input.checked = true; return; }
    state.shown = wanted;
    stage.ranges = null;
    refresh();
  });
  chips($("layers"), opened.layers.map((name) => [name, LAYERS[name]]), (name) => state.layers.includes(name), (name, on) => {
    state.layers = opened.layers.filter((each) => (each === name ? on : state.layers.includes(each)));
    refresh();
  });
  const units = opened.batch === null ? [] : [["steps", "steps"], ["tokens", "tokens"]];
  chips($("units"), units, (unit) => state.unit === unit, (unit) => { state.unit = unit; refresh(); }, "radio");
}

function setTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  $("theme").setAttribute("aria-label", `Colours: ${page.state.theme === "auto" ? "as the system" : page.state.theme}`);
}

async function findBest() {
  const asked = query(page.state);
  const found = await showBest(asked, isDark(), (choice) => { page.state.choice = choice; refresh(); });
  if (asked !== query(page.state)) return;
  page.best = found;
  page.dials.show(page.state.choice, found && found.choice);
  document.documentElement.dataset.best = found ? "yes" : "no";
}

const tour = new Tour((choice, layers, best) => {
  forgetBest();
  page.state.choice = choice;
  page.state.layers = layers;
  showChips();
  refresh();
  if (best) findBest();
});

function build(opened) {
  page.opened = opened;
  tour.opened = opened;
  page.state = opened.state;
  page.state.fit = opened.key;
  page.best = null;
  clearBest();
  stage.forget();
  if (opened.live) live.start();
  $("fit-name").textContent = `${opened.name} · ${opened.verdict.first}`;
  $("fit-name").title = [opened.verdict.first, ...opened.verdict.lines].join("\n");
  page.dials = new Dials(opened, turned);
  page.dials.choice = page.state.choice;
  setTheme();
  showChips();
  showWeights(opened.roles, page.state.weights, (role, weight, done) => {
    page.state.weights = { ...page.state.weights, [role]: weight };
    if (done) { remember(); findBest(); }
  });
  showExports(opened.exports, () => query(page.state));
  for (const id of ["tour", "share", "theme"]) $(id).disabled = false;
  $("waiting").hidden = true;
  $("main").hidden = false;
}

async function load(search) {
  let opened = await ask(`/api/open${search}`);
  while ("waiting" in opened) {
    $("waiting-said").textContent = opened.error || opened.waiting;
    if (opened.error) return;
    await new Promise((resolve) => { setTimeout(resolve, 400); });
    opened = await ask(`/api/open${search}`);
  }
  if (opened.error) {
    toast(opened.error);
    if (search) { await load(""); } else { $("waiting-said").textContent = opened.error; }
    return;
  }
  build(opened);
  page.dials.show(page.state.choice);
  stage.draw({ ...page.state }, true, 0);
  tellSoon();
}

function start() {
  new Drop((key, run) => {
    const asked = new URLSearchParams(run || "");
    asked.set("fit", key);
    history.pushState(null, "", `?${asked}`);
    load(location.search);
    toast("The fit is open.");
  },
    (restored) => { history.pushState(null, "", `?${restored}`); load(location.search); toast("The run is back."); });
  $("pin").addEventListener("click", pin);
  $("reset").addEventListener("click", () => { history.pushState(null, "", `?fit=${encodeURIComponent(page.opened.key)}`); load(location.search); });
  $("find").addEventListener("click", findBest);
  $("use").addEventListener("click", () => { if (page.best) { page.state.choice = { ...page.best.choice }; refresh(); $("use").hidden = true; } });
  $("share").addEventListener("click", async () => {
    history.replaceState(null, "", `?${query(page.state)}`);
    try { await navigator.clipboard.writeText(location.href); toast("The link is copied."); } catch { toast("Copy the address of this page."); }
  });
  $("theme").addEventListener("click", () => {
    page.state.theme = isDark() ? "light" : "dark";
    setTheme();
    refresh();
  });
  system.addEventListener("change", () => { if (page.state) { setTheme(); refresh(); } });
  window.addEventListener("popstate", () => load(location.search));
  document.documentElement.dataset.theme = system.matches ? "dark" : "light";
  load(location.search);
}

start();
