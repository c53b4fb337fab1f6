// The same trace as a table: a row a message, a column a cause.

import { el } from "./dom.js";
import { exact, words } from "./figures.js";
import { used } from "./story.js";

export function table(panes, selected, causes, choose) {
  return panes.map((pane, number) => {
    const there = used([pane]);
    const columns = [...causes.keys()].filter((cause) => there.has(cause));
    const own = panes.length > 1 ? `${"AB"[number]}: ` : "";
    const caption = `${own}every message, ms; the causes of a row sum to its latency`;
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      el("table", {},
        el("caption", {}, caption),
        el("thead", {}, el("tr", {}, ["message", "bytes", "intended", "read", "latency", ...columns.map(words)]
          .map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, pane.messages.map((message) => row(message, columns, selected, choose)))));
  });
}

function row(message, columns, selected, choose) {
  const spent = new Map(message.steps.map((step) => [step.cause, step.ns]));
  const number = (ns) => (ns === undefined ? "" : exact(ns).replace(" ms", ""));
  return el("tr", { class: message.index === selected ? "chosen" : "" },
    el("th", { scope: "row" },
      el("button", { type: "button", onclick: () => choose(message.index) }, String(message.index))),
    el("td", {}, String(message.size)),
    [message.intended, message.read, message.latency, ...columns.map((cause) => spent.get(cause))]
      .map((ns) => el("td", {}, number(ns))));
}
