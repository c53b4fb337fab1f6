// A run's summary, in the figures of `tinygram run`: a column a number, a row a pane.

import { el } from "./dom.js";

export function numbers(panes) {
  const names = [...new Map(panes.flatMap((pane) => pane.figures).map(({ name, unit }) => [name, unit]))];
  const two = panes.length > 1;
  const heads = names.map(([name, unit]) => el("th", { scope: "col" }, name, " ", el("small", {}, unit)));
  return el("table", { class: "numbers" },
    el("caption", { class: "unseen" }, "Summary of the run"),
    el("thead", {}, el("tr", {}, two && el("td"), heads)),
    el("tbody", {}, panes.map((pane, number) => row(pane, names, two && "ab"[number]))));
}

function row(pane, names, own) {
  const values = new Map(pane.figures.map(({ name, value }) => [name, value]));
  return el("tr", { "data-pane": own || "a" },
    own && el("th", { scope: "row", class: `pane-${own}` }, own.toUpperCase()),
    names.map(([name]) => el("td", { "data-figure": name }, values.get(name) ?? "")));
}
