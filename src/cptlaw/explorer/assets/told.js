// What is said of the run: verdict, losses, equation, pins side by side, exports, the optimum.
import { $, ask, make, number, save, toast } from "./parts.js";

const loss = (value) => (value === null || value === undefined ? "–" : value.toFixed(4));
const signed = (value, digits = 3) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(digits)}`;

export function showLosses(rows) {
  const head = ["nats", "at end", "±", "change", "anneal", "shift"];
  const body = rows.map((row) => {
    const reach = row.low === null ? null : Math.max(row.high - row.final, row.final - row.low);
    const change = row.final - row.start;
    return make("tr", { "data-role": row.role },
      make("th", { scope: "row" }, row.role),
      make("td", { "data-value": String(row.final) }, loss(row.final)),
      make("td", { "data-low": String(row.low), "data-high": String(row.high) }, reach === null ? "–" : reach.toFixed(3)),
      make("td", { class: change > 0 ? "up" : "down" }, signed(change)),
      make("td", {}, signed(row.annealing)),
      make("td", {}, signed(row.shift)));
  });
  $("losses").replaceChildren(
    make("thead", {}, make("tr", {}, ...head.map((each) => make("th", { scope: "col" }, each)))),
    make("tbody", {}, ...body));
}

export function showVerdict(told) {
  const parts = [make("p", { class: "first" }, told.first)];
  if (told.refused) parts.unshift(make("p", { class: "warn" }, `Beyond what is known: ${told.refused}`));
  parts.push(...told.lines.map((line) => make("p", { class: "lines" }, line)));
  if (told.warnings.length) {
    parts.push(make("details", {}, make("summary", {}, `${told.warnings.length} warning${told.warnings.length > 1 ? "s" : ""}`),
      ...told.warnings.map((each) => make("p", { class: "warn" }, each))));
  }
  $("verdict").replaceChildren(...parts);
  $("verdict").dataset.status = told.refused ? "refused" : told.status;
}

export function showEquations(told) {
  const found = [];
  for (const [role, [law, numbers]] of Object.entries(told.equations)) {
    found.push(make("dt", {}, role), make("dd", { class: "code" }, law), make("dd", { class: "code" }, numbers));
  }
  $("equations").replaceChildren(...found);
}

export function showRuns(main, pins, unpin, use) {
  const item = (run, name, i) => {
    const swatch = make("span", { class: "swatch" });
    swatch.style.background = run.colour;
    const buttons = i < 0 ? [] : [
      make("button", { type: "button", "aria-label": `Go on from pin ${i + 1}`, onclick: () => use(i) }, "use"),
      make("button", { type: "button", "aria-label": `Take pin ${i + 1} away`, onclick: () => unpin(i) }, "×")];
    return make("li", {}, swatch, make("span", { class: "name", title: run.schedule }, name), ...buttons);
  };
  const here = main.leaves.length ? `this run – outside your data in ${main.leaves.join(", ")}` : "this run";
  $("runs").replaceChildren(item(main, here, -1), ...pins.map((pin, i) => item(pin, `${i + 1}: ${pin.schedule}`, i)));
}

export function showPins(main, pins) {
  $("pins-box").hidden = !pins.length;
  const roles = Object.keys(main.ends);
  const head = ["at end", "this run", ...pins.map((_, i) => `pin ${i + 1}`)];
  const rows = roles.map((role) => make("tr", {}, make("th", { scope: "row" }, role),
    make("td", {}, loss(main.ends[role])),
    ...pins.map((pin) => {
      const gap = pin.ends[role] - main.ends[role];
      return make("td", { class: gap > 0 ? "up" : "down", title: loss(pin.ends[role]) }, signed(gap, 4));
    })));
  $("pins").replaceChildren(make("thead", {}, make("tr", {}, ...head.map((each) => make("th", { scope: "col" }, each)))), make("tbody", {}, ...rows));
}

export function showWeights(roles, weights, turned) {
  $("weights").replaceChildren(...roles.map((role, i) => {
    const id = `weight-${i}`;
    const said = make("output", { for: id }, number(weights[role] || 0, 2));
    const slider = make("input", { type: "range", id, min: "0", max: "2", step: "0.05", value: String(weights[role] || 0) });
    slider.addEventListener("input", () => { said.textContent = number(Number(slider.value), 2); turned(role, Number(slider.value), false); });
    slider.addEventListener("change", () => turned(role, Number(slider.value), true));
    const track = make("div", { class: "track" }, slider);
    return make("div", { class: "weight" }, make("label", { for: id, title: role }, role), track, said);
  }));
}

export async function showBest(query, dark, pick) {
  $("find").disabled = true;
  $("find").textContent = "Looking ...";
  const reply = await ask(`/api/best?${query}&dark=${dark ? "dark" : ""}`);
  $("find").disabled = false;
  $("find").textContent = "Find the optimum";
  if (reply.error) {
    clearBest();
    $("best").append(make("p", { class: "trouble" }, reply.error));
    return null;
  }
  const { choice } = reply;
  const words = [choice.family + (choice.family === "wsd" ? `, decay ${number(choice.decay, 2)}` : ""), `peak ${number(choice.peak)}`, ...(reply.replays ? [`replay ${number(choice.replay, 2)}`] : [])];
  $("best").replaceChildren(make("p", { id: "gain" }), make("p", {}, make("strong", {}, words.join(", "))));
  sayGain(reply.here - reply.value);
  if (reply.verdict) $("best").append(make("p", { class: "hint" }, reply.verdict));
  if (reply.cut) $("best").append(make("p", { class: "hint" }, reply.cut));
  $("use").hidden = !reply.changes.length;
  drawFront(reply, pick);
  return reply;
}

export function clearBest() {
  $("best").replaceChildren();
  $("use").hidden = true;
  $("front").classList.remove("on");
  $("front").replaceChildren();
  $("front-list").replaceChildren();
}

// How far the run that is dragged is from the optimum, where the losses that count are drawn.
export function moveHere(ends, best, isBest) {
  if (!best) return;
  $("use").hidden = isBest;
  const counted = Object.entries(best.weights).filter(([, weight]) => weight > 0);
  const known = counted.every(([role]) => role in ends);
  sayGain(known ? counted.reduce((sum, [role, weight]) => sum + weight * ends[role], 0) - best.value : null);
  if (!$("front").classList.contains("on")) return;
  const [x, y] = best.pair.map((role) => ends[role]);
  if (x !== undefined && y !== undefined) window.Plotly.restyle($("front"), { x: [[x]], y: [[y]] }, [1]);
}

function sayGain(gain) {
  const better = gain === null ? "The optimum is" : `The optimum is ${gain.toFixed(4)} better in the weighted sum of final losses:`;
  $("gain").textContent = gain !== null && gain < 5e-5 ? "This run is about as good as the optimum:" : better;
}

function drawFront(reply, pick) {
  const some = Boolean(reply.figure && reply.front.length > 1);
  $("front").classList.toggle("on", some);
  $("front-list").replaceChildren();
  if (!some) return;
  window.Plotly.react($("front"), reply.figure.data, reply.figure.layout, { displayModeBar: false, responsive: true });
  $("front").removeAllListeners?.("plotly_click");
  $("front").on("plotly_click", (event) => {
    const point = event.points.find((each) => each.curveNumber === 0);
    if (point) pick(reply.front[point.pointNumber]);
  });
  const { x, y } = reply.figure.data[0];
  const [across, up] = [reply.figure.layout.xaxis.title.text, reply.figure.layout.yaxis.title.text];
  const lines = reply.front.map((choice, i) => make("button", { type: "button", onclick: () => pick(choice) },
    `${loss(x[i])}, ${loss(y[i])}: ${choice.family}, peak ${number(choice.peak)}, replay ${number(choice.replay, 2)}`));
  $("front-list").append(make("details", {}, make("summary", {}, `The trade-offs as a list (${across}, ${up})`), ...lines));
}

const NAMES = { study: "Study (.toml)", json: "Numbers (.json)", csv: "Curves (.csv)", ".py": "Schedule for PyTorch, transformers (.py)", ".csv": "LR of each step (.csv)" };

export function showExports(kinds, query) {
  const buttons = kinds.map((kind) => make("button", { type: "button", "data-kind": kind, onclick: async () => {
    const reply = await ask(`/api/export/${encodeURIComponent(kind)}?${query()}`);
    if (reply.error) toast(reply.error); else save(reply.name, reply.text);
  } }, NAMES[kind] || `Schedule (${kind.replace(/^\./, "")})`));
  for (const format of ["png", "svg"]) {
    buttons.push(make("button", { type: "button", "data-kind": format, onclick: () => window.Plotly.downloadImage($("figure"), { format, filename: "cptlaw-run", scale: format === "png" ? 2 : 1 }) }, `Figure (.${format})`));
  }
  $("exports").replaceChildren(...buttons);
}
