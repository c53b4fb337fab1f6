// The settings: one control a key, with the values the bridge says it has. A problem stands at the control that caused it.

import { el } from "./dom.js";

export function controls({ panes, page, state, editing, problems, set, follow, reset, edit, rebase }) {
  const shown = panes[editing === "b" ? 1 : 0] ?? panes[0];
  const groups = [...new Set(shown.controls.map((control) => control.group))];
  return [
    el("header", {}, el("h2", {}, "Settings"),
      el("button", { type: "button", id: "reset", title: "Back to where this began", onclick: reset }, "Reset")),
    panes.length > 1 && which(editing, edit),
    el("fieldset", {}, el("legend", {}, "Begin with"), preset(page, state, rebase), seed(state, set, problems)),
    groups.map((group) => el("fieldset", {}, el("legend", {}, owner(group, shown)),
      shown.controls.filter((control) => control.group === group)
        .map((control) => one(control, { state, editing, problems, set, follow })))),
  ];
}

const owner = (group, pane) => ({ Sender: `Sender: ${pane.sender}`, Receiver: `Receiver: ${pane.receiver}` })[group] ?? group;

function which(editing, edit) {
  return el("div", { class: "which-pane", role: "group", "aria-label": "What a change applies to" },
    ["a", "b"].map((name) => el("button", { type: "button", id: `edit-${name}`, "aria-pressed": String(editing === name),
                                            onclick: () => edit(name) }, name === "a" ? "both panes" : "only B")));
}

function preset(page, state, rebase) {
  const chosen = page.sources.find((one) => one.name === state.base);
  return el("div", { class: "control wide" },
    el("label", { for: "base" }, "preset or file"),
    el("select", { id: "base", onchange: (event) => rebase(event.target.value) },
      page.sources.map(({ name }) => el("option", { value: name, selected: name === state.base }, name))),
    el("p", { class: "hint" }, chosen?.title ?? ""));
}

function seed(state, set, problems) {
  return el("div", { class: "control" },
    el("label", { for: "seed" }, "seed"),
    el("input", { id: "seed", type: "number", min: 0, step: 1, value: state.seed, onchange: (event) => set("seed", event.target.value) }),
    wrong("seed", problems));
}

function one(control, { state, editing, problems, set, follow }) {
  const { key, label, hint } = control;
  const own = editing === "b" ? state.b : state.a;
  const changed = key in own;
  const mine = problems.filter((problem) => problem.key === key);
  return el("div", { class: `control ${control.kind}${changed ? " changed" : ""}`, "data-key": key },
    el("div", {}, el("label", { for: key }, label), key in state.b && el("button", { type: "button", class: "tag",
      title: "B differs here; press to make it follow A again", "aria-label": `${label}: let B follow A again`,
      onclick: () => follow(key) }, "B")),
    input(control, own, mine.length > 0, set),
    hint && control.kind !== "list" && el("p", { class: "hint", id: `${key}-hint` }, hint),
    wrong(key, problems));
}

export function wrong(key, problems) {
  return problems.filter((problem) => problem.key === key).map(({ problem, cure }) =>
    el("p", { class: "wrong", id: `${key}-wrong` }, cure ? `${problem}: ${cure}` : problem));
}

function input(control, own, invalid, set) {
  const { key, kind, steps, hint } = control;
  const value = invalid && key in own ? own[key] : control.value;
  const common = { id: key, name: key, "aria-invalid": invalid && "true", "aria-describedby": invalid ? `${key}-wrong` : hint ? `${key}-hint` : null };
  if (kind === "switch") {
    return el("input", { ...common, type: "checkbox", role: "switch", checked: control.value,
                         onchange: (event) => set(key, String(event.target.checked)) });
  }
  if (kind === "choice") {
    const known = steps.includes(value) ? steps : [value, ...steps];
    return el("select", { ...common, onchange: (event) => set(key, event.target.value) },
      known.map((word) => el("option", { value: word, selected: word === value }, word || "no")));
  }
  const text = el("input", { ...common, type: "text", value, size: 9, autocomplete: "off", spellcheck: "false",
                             onchange: (event) => set(key, event.target.value.trim()) });
  return kind === "range" ? [text, slider(control, set, text)] : text;
}

// Its stops are the round values; a value between them is written into the field beside it.
function slider({ key, label, steps, value }, set, text) {
  const at = steps.indexOf(value);
  return el("input", { type: "range", class: "slider", min: 0, max: steps.length - 1, value: at < 0 ? nearest(steps, value) : at,
                       "aria-label": `${label}, round values`, "aria-valuetext": value, "data-for": key,
                       oninput: (event) => { text.value = steps[event.target.value]; },
                       onchange: (event) => set(key, steps[event.target.value], event.target) });
}

const UNITS = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, B: 1, KiB: 1024, MiB: 1048576, "bit/s": 1, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "%": 1 };

function size(text) {
  const [, number, unit] = /^([0-9.]+)(.*)$/.exec(String(text)) ?? [];
  return number === undefined ? Infinity : Number(number) * (UNITS[unit] ?? 1);
}

function nearest(steps, value) {
  const far = (step) => Math.abs(Math.log((size(step) + 1e-9) / (size(value) + 1e-9)));
  return steps.reduce((best, step, number) => (far(step) < far(steps[best]) ? number : best), 0);
}
