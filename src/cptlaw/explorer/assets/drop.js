// Files that are dropped: what was recognised, roles to be corrected, a study to be fitted.
import { $, ask, make, post, toast, trouble } from "./parts.js";

const LARGEST = 64 * 2 ** 20;
const WAIT = 500;

export class Drop {
  // opened(key, query): a fit is ready, and the run that its study was taken home with; restored(query): a state came back.
  constructor(opened, restored) {
    Object.assign(this, { opened, restored, token: "" });
    $("open-drop").addEventListener("click", () => this.open());
    $("files").addEventListener("change", () => this.send([...$("files").files].map((file) => [file.name, file])));
    $("redraft").addEventListener("click", () => this.redraft());
    $("fit").addEventListener("click", () => this.fit());
    for (const place of [document.body, $("drop-zone")]) {
      place.addEventListener("dragover", (event) => { event.preventDefault(); $("drop-zone").classList.add("over"); if (!$("drop").open) this.open(); });
      place.addEventListener("drop", (event) => this.dropped(event));
    }
    $("drop-zone").addEventListener("dragleave", () => $("drop-zone").classList.remove("over"));
  }

  open() {
    if (!$("drop").open) $("drop").showModal();
  }

  async dropped(event) {
    event.preventDefault();
    event.stopPropagation();
    $("drop-zone").classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = entries.length ? (await Promise.all(entries.map(walk))).flat() : [...event.dataTransfer.files].map((file) => [file.name, file]);
    this.send(files);
  }

  async send(files) {
    this.open();
    trouble("drop-trouble", "");
    $("seen").hidden = true;
    if (!files.length) return;
    if (files.reduce((sum, [, file]) => sum + file.size, 0) > LARGEST * 0.98) {
      trouble("drop-trouble", "These files are larger than 64 MB together. Open large logs on the command line: cptlaw fit study.toml -o fit.json, then drop fit.json here.");
      return;
    }
    const form = new FormData();
    for (const [path, file] of files) { form.append("file", file, "file"); form.append("path", path); }
    this.show(await ask("/api/drop", { method: "POST", body: form }));
    $("files").value = "";
  }

  show(reply) {
    if (reply.error) { trouble("drop-trouble", reply.error); return; }
    if (reply.kind === "fit") { this.query = ""; this.done(reply.key); return; }
    if (reply.kind === "state") { $("drop").close(); this.restored(reply.query); return; }
    this.token = reply.token;
    this.query = reply.query;
    $("seen").hidden = false;
    $("study").value = reply.study;
    $("fitting").textContent = "";
    this.showLogs(reply.seen);
    this.showColumns(reply.columns);
    $("drop-notes").replaceChildren(...reply.notes.map((each) => make("li", {}, each)));
    if (reply.asks.length) trouble("drop-trouble", `What does ${reply.asks.join(", ")} go on from? Name the open model below and write the study anew, or drop the log of its base too.`);
  }

  showLogs(seen) {
    const rows = seen.map((log) => make("tr", {},
      make("th", { scope: "row" }, log.file), make("td", {}, log.format), make("td", {}, log.steps.toLocaleString("en")),
      make("td", {}, log.has_lr ? "logged" : "not logged"), make("td", {}, log.notes.join(" "))));
    const head = ["log", "format", "steps", "learning rate", "notes"].map((each) => make("th", { scope: "col" }, each));
    $("logs").className = "left logs";
    $("logs").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  }

  showColumns(columns) {
    const rows = columns.map((column, i) => {
      const known = ["pt", "cpt", "loss"].includes(column.role) || column.role.startsWith("ood.") ? column.role : "";
      const options = [...new Set(["pt", "cpt", known])].filter(Boolean);
      const select = make("select", { "data-column": column.name, "aria-label": `Role of ${column.name}` },
        make("option", { value: "" }, "other"), ...options.map((each) => make("option", { value: each, selected: each === known }, each)));
      return make("tr", {}, make("th", { scope: "row" }, column.name), make("td", {}, `${column.low.toFixed(3)} to ${column.high.toFixed(3)}`), make("td", {}, column.points.toLocaleString("en")), make("td", {}, select));
    });
    const head = ["column", "losses", "points", "measures"].map((each) => make("th", { scope: "col" }, each));
    $("columns").className = "left";
    $("columns").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  }

  async redraft() {
    trouble("drop-trouble", "");
    const roles = {};
    for (const select of $("columns").querySelectorAll("select")) if (select.value === "pt" || select.value === "cpt") roles[select.value] = select.dataset.column;
    this.show(await post("/api/draft", { token: this.token, unknown: $("unknown").value.trim(), ...roles }));
    toast("The study was written anew.");
  }

  async fit() {
    trouble("drop-trouble", "");
    const reply = await post("/api/fit", { token: this.token, study: $("study").value });
    if (reply.error) { trouble("drop-trouble", reply.error); return; }
    $("fit").disabled = true;
    for (;;) {
      const job = await ask(`/api/job/${reply.job}`);
      $("fitting").textContent = job.said || "";
      if (job.error || job.status === "failed") { trouble("drop-trouble", job.error); break; }
      if (job.status === "done") { this.done(job.key); break; }
      await new Promise((resolve) => { setTimeout(resolve, WAIT); });
    }
    $("fit").disabled = false;
    $("fitting").textContent = "";
  }

  done(key) {
    $("drop").close();
    this.opened(key, this.query);
    this.query = "";
  }
}

async function walk(entry, path = "") {
  const own = path + entry.name;
  if (entry.isFile) return [[own, await new Promise((resolve, reject) => { entry.file(resolve, reject); })]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.slice(0, 200).map((each) => walk(each, `${own}/`)))).flat();
}
