// A run's summary, in the figures of `tinygram run`: a column a number, a row a pane.

import { el } from "./dom.js";

export function numbers(panes) {
  const names = [...new Map(panes.flatMap((pane) => pane.figures).map(({ name, unit }) => [name, unit]))];
  const two = panes.length > 1;
  return el("table", { class: "numbers" },
    el("caption", { class: "unseen" }, "Summary of the run"),
    el("thead", {}, el("tr", {}, two && el("td"), names.map(([name, unit]) => el("th", { scope: "col" }, name, " ", el("small", {}, unit))))),
    el("tbody", {}, panes.map((pane, number) => el("tr", { "data-pane": "ab"[number] },
      two && el("th", { scope: "row", class: `pane-${"ab"[number]}` }, "AB"[number]),
      names.map(([name]) => el("td", { "data-figure": name }, pane.figures.find((figure) => figure.name === name)?.value ?? ""))))));
}
