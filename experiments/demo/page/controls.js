// The settings: one control a key, with the values the bridge says it has. A problem stands at its control.

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

const owner = (group, { sender, receiver }) => {
  const host = { Sender: sender, Receiver: receiver }[group];
  return host ? `${group}: ${host}` : group;
};

function which(editing, edit) {
  return el("div", { class: "which-pane", role: "group", "aria-label": "What a change applies to" },
    ["a", "b"].map((name) => {
      const how = { type: "button", id: `edit-${name}`, "aria-pressed": String(editing === name) };
      return el("button", { ...how, onclick: () => edit(name) }, name === "a" ? "both panes" : "only B");
    }));
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
    el("input", { id: "seed", type: "number", min: 0, step: 1, value: state.seed,
                  onchange: (event) => set("seed", event.target.value) }),
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
  const described = invalid ? `${key}-wrong` : hint ? `${key}-hint` : null;
  const common = { id: key, name: key, "aria-invalid": invalid && "true", "aria-describedby": described };
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

// It stops at the round values and stands at the nearest; what lies between is written into the field beside it.
function slider({ key, label, steps, value, nearest }, set, text) {
  return el("input", {
    type: "range", class: "slider", min: 0, max: steps.length - 1, value: nearest,
    "aria-label": `${label}, round values`, "aria-valuetext": value, "data-for": key,
    oninput: (event) => { text.value = steps[event.target.value]; },
    onchange: (event) => set(key, steps[event.target.value]),
  });
}
