// The page: an address becomes a state, the state is asked about, what comes back is drawn.

import { Refused, ask, pane } from "./ask.js";
import { controls } from "./controls.js";
import { diagrams } from "./diagrams.js";
import { $, el, svg } from "./dom.js";
import { patterns } from "./hatch.js";
import { spoken } from "./ladder.js";
import { answer, question, rail } from "./lesson.js";
import { numbers } from "./numbers.js";
import { address, opened, query, read, settings } from "./state.js";
import { legend, story } from "./story.js";
import { table } from "./table.js";
import { download, takeaway } from "./takeaway.js";

const page = await ask("/page.json");
const causes = new Map(page.causes.map((cause) => [cause.name, cause]));
const hidden = { width: 0, height: 0, class: "patterns", "aria-hidden": "true" };
document.body.append(svg("svg", hidden, patterns(page.causes)));

let state = read(location.search, page);
let shown = { panes: [], told: null };
let problems = [];
let editing = "a";
let asking = new AbortController();

// ---- asking ------------------------------------------------------------------------------------------------------

const lesson = () => page.lessons.find((one) => one.name === state.lesson);
const waiting = () => lesson() !== undefined && state.guess === "";

async function refresh() {
  asking.abort();
  asking = new AbortController();
  remember();
  if (waiting()) {
    renderQuestion();
    return settled();
  }
  document.body.classList.add("asking");
  try {
    shown = await answers(asking.signal);
    problems = [];
  } catch (error) {
    if (error.name === "AbortError") return;
    mistakes(error);
    if (shown.panes.length === 0) shown = await asItWas();
  }
  document.body.classList.remove("asking");
  const known = shown.panes.flatMap((one) => one.messages.map((message) => message.index));
  if (!known.includes(chosen())) state.message = String(first());
  remember();
  await present();
}

// The page as the state has it; when all of it stands there, it says which address that was.
async function present() {
  render();
  if (shown.panes.length && problems.length === 0) {
    try {
      await renderCommands();
    } catch (error) {
      mistakes(error);
      renderFrame();
    }
  }
  settled();
}

// Anything but an answer in words is a bug.
function mistakes(error) {
  if (!(error instanceof Refused)) throw error;
  problems = error.problems;
}

function remember() {
  try {
    history.replaceState(null, "", address(state));
  } catch {
    // Some browsers refuse when a key is held down for long; the next change brings the address up to date.
  }
}

const settled = () => { document.body.dataset.shown = location.search; };

async function answers(signal) {
  const said = settings(state);
  const names = state.compare ? ["a", "b"] : ["a"];
  const traces = names.map((name) => ask("/trace.json", pane(said, name), signal));
  const told = lesson() ? ask("/answer.json", new URLSearchParams({ lesson: state.lesson }), signal) : null;
  return { panes: await Promise.all(traces), told: await told };
}

// With a mistake in the first address: what it began with, so that there are controls to mend it at.
async function asItWas() {
  try {
    return { panes: [await ask("/trace.json", new URLSearchParams({ base: state.base }))], told: null };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { panes: [], told: null };
  }
}

async function renderCommands() {
  const said = query(state), asked = String(said);
  const { commands } = await ask("/commands.json", said);
  if (String(query(state)) !== asked) return; // another one was chosen meanwhile
  const files = (state.compare ? ["a", "b"] : ["a"]).flatMap((name) => {
    const own = state.compare ? `${name.toUpperCase()}: ` : "";
    const asked = pane(settings(state), name);
    return [{ what: `${own}scenario (TOML)`, href: `/scenario.toml?${asked}` },
            { what: `${own}packets (pcapng)`, href: `/capture.pcapng?${asked}` }];
  });
  $("takeaway").replaceChildren(...takeaway(commands, files,
    () => download($("ladder"), page.causes, shown.panes, commands[0].text)).flat());
}

const chosen = () => (state.message === "" ? null : Number(state.message));

function first() {
  if (shown.told) return shown.told.message;
  return slowest()?.index ?? "";
}

const slowest = () => (shown.panes[0]?.messages ?? [])
  .reduce((one, other) => (one && one.latency >= other.latency ? one : other), null);

// ---- changing ----------------------------------------------------------------------------------------------------

function change(changes) {
  state = { ...state, ...changes };
  return refresh();
}

function set(key, value) {
  if (key === "seed") return change({ seed: value, message: "" });
  const own = editing === "b" ? "b" : "a";
  return change({ [own]: { ...state[own], [key]: value }, scale: "" });
}

function zoom(scale) {
  state.scale = String(Number(scale.toPrecision(4)));
  remember();
  return present();
}

// Pane B has A's value again.
function follow(key) {
  const { [key]: _, ...others } = state.b;
  return change({ b: others, scale: "" });
}

function go(next) {
  state = next;
  editing = "a";
  history.pushState(null, "", address(state));
  return refresh();
}

function choose(index, focus = false) {
  state.message = String(index);
  remember();
  present();
  if (focus) focusChosen();
}

function move(step) {
  const known = shown.panes[0].messages.map((message) => message.index);
  if (step === "slowest") return choose(slowest().index);
  const at = known.indexOf(chosen()) + step;
  if (known[at] !== undefined) choose(known[at]);
}

// Do the panes show what the lesson asked about?
const asAsked = () => String(settings(state)) === String(settings(opened(lesson())));

const LESS = { lesson: "", guess: "", message: "", scale: "" };
const begun = () => ({ base: page.start.base, seed: String(page.start.seed), a: { ...page.start.settings }, b: {} });
const explore = () => go({ ...state, ...LESS, view: "", compare: "", ...begun() });
const rebase = (base) => go({ ...state, ...LESS, base, a: {}, b: {}, compare: "" });
const reset = () => (lesson() ? go({ ...opened(lesson()), guess: state.guess }) : explore());

// ---- drawing -----------------------------------------------------------------------------------------------------

function render() {
  const back = focused();
  draw();
  if (back && document.activeElement === document.body) document.querySelector(back)?.focus({ preventScroll: true });
}

// What has the focus is drawn anew; this finds it again.
function focused() {
  const node = document.activeElement;
  if (node.id) return `#${CSS.escape(node.id)}`;
  if (node.dataset.for) return `[data-for="${node.dataset.for}"]`;
  if (node.matches(".message")) return ".message.chosen";
  const name = node.getAttribute("aria-label");
  return name && `[aria-label="${CSS.escape(name)}"]`;
}

function draw() {
  const panes = shown.panes;
  renderFrame();
  $("results").hidden = panes.length === 0;
  if (panes.length === 0) return;
  const number = page.lessons.indexOf(lesson());
  const next = page.lessons[number + 1];
  $("lesson").replaceChildren(...(shown.told && lesson()
    ? [answer(lesson(), number, Number(state.guess), shown.told, {
      following: next && (() => go(opened(next))), back: asAsked() ? null : reset })] : []));
  $("controls").replaceChildren(...controls({ panes, page, state, editing, problems, set, follow, reset, rebase,
    edit: (name) => { editing = name; render(); } }).flat(2).filter(Boolean));
  $("numbers").replaceChildren(numbers(panes));
  $("story").replaceChildren(...story(panes, chosen(), causes, move));
  $("chosen").textContent = panes[0].messages.filter((one) => one.index === chosen()).map(spoken).join();
  $("legend").replaceChildren(legend(panes, causes));
  diagrams(panes, { chosen: chosen(), scale: Number(state.scale), choose, zoom });
  $("table").hidden = !state.view;
  $("ladder").hidden = $("caption").hidden = Boolean(state.view);
  $("table").replaceChildren(...(state.view ? table(panes, chosen(), causes, choose) : []));
}

function renderFrame() {
  document.body.classList.toggle("two", Boolean(state.compare));
  document.body.classList.toggle("guessing", waiting());
  document.body.classList.toggle("learning", lesson() !== undefined);
  document.title = `${lesson()?.title ?? state.base}: Tinygram`;
  $("compare").setAttribute("aria-pressed", String(Boolean(state.compare)));
  $("view").setAttribute("aria-pressed", String(Boolean(state.view)));
  $("lessons").replaceChildren(...rail(page, state, (one) => go(opened(one)), explore).flat());
  const here = $("lessons").querySelector("[aria-pressed=true]");
  if (here) $("lessons").scrollLeft = here.offsetLeft - ($("lessons").clientWidth - here.offsetWidth) / 2;
  document.body.classList.toggle("mistaken", problems.length > 0);
  const known = new Set(shown.panes.flatMap((one) => one.controls.map((control) => control.key)).concat("seed"));
  const homeless = problems.filter((problem) => !known.has(problem.key));
  const marked = problems.length > homeless.length;
  $("banner").replaceChildren(...homeless.map(({ key, problem, cure }) =>
    el("p", { class: "wrong" }, [key, problem].filter(Boolean).join(": "), cure && ` (${cure})`)),
    marked ? el("p", { class: "wrong" }, "Nothing was run: a setting is marked. Shown is what was before.") : "");
}

function renderQuestion() {
  shown = { panes: [], told: null };
  problems = [];
  renderFrame();
  $("results").hidden = true;
  for (const id of ["story", "takeaway", "controls"]) $(id).replaceChildren();
  const guess = (choice) => change({ guess: String(choice) }).then(() => $("lesson").querySelector("h2")?.focus());
  $("lesson").replaceChildren(question(lesson(), page.lessons.indexOf(lesson()), guess));
}

const focusChosen = () => $("ladder").querySelector(".message.chosen")?.focus({ preventScroll: true });

// ---- listening ---------------------------------------------------------------------------------------------------

$("ladder").addEventListener("click", (event) => {
  const message = event.target.closest(".message");
  if (message) choose(Number(message.dataset.index), true);
});

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

$("ladder").addEventListener("keydown", (event) => {
  if (!event.target.closest(".message")) return;
  const known = shown.panes[0].messages.map((message) => message.index);
  if (event.key in STEPS) move(STEPS[event.key]);
  else if (event.key === "Home") choose(known[0]);
  else if (event.key === "End") choose(known[known.length - 1]);
  else return;
  event.preventDefault();
  focusChosen();
});

document.body.addEventListener("keydown", (event) => {
  if (event.target !== document.body || shown.panes.length === 0) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") move(STEPS[event.key]);
});

$("controls").addEventListener("submit", (event) => event.preventDefault());
$("compare").addEventListener("click", () => {
  editing = state.compare ? "a" : "b";
  change(state.compare ? { compare: "", b: {} } : { compare: "1" });
});
$("view").addEventListener("click", () => change({ view: state.view ? "" : "table" }));
$("share").addEventListener("click", async () => {
  await navigator.clipboard.writeText(location.href);
  $("share").textContent = "Copied";
  setTimeout(() => { $("share").textContent = "Copy link"; }, 1500);
});
addEventListener("popstate", () => { state = read(location.search, page); refresh(); });
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width && shown.panes.length) { width = innerWidth; render(); } });

await refresh();
