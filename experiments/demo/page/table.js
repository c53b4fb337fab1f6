// The same trace as a table: a row a message, a column a cause.

import { el } from "./dom.js";
import { exact, words } from "./figures.js";

export function table(panes, selected, causes, choose) {
  return panes.map((pane, number) => {
    const used = [...causes.keys()].filter((cause) => pane.messages.some((one) => one.steps.some((step) => step.cause === cause)));
    const caption = `${panes.length > 1 ? `${"AB"[number]}: ` : ""}every message, ms; the causes of a row sum to its latency`;
    return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
      el("table", {},
        el("caption", {}, caption),
        el("thead", {}, el("tr", {}, ["message", "bytes", "intended", "read", "latency", ...used.map(words)]
          .map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, pane.messages.map((message) => row(message, used, selected, choose)))));
  });
}

function row(message, used, selected, choose) {
  const spent = new Map(message.steps.map((step) => [step.cause, step.ns]));
  const number = (ns) => (ns === undefined ? "" : exact(ns).replace(" ms", ""));
  return el("tr", { class: message.index === selected ? "chosen" : "" },
    el("th", { scope: "row" }, el("button", { type: "button", onclick: () => choose(message.index) }, String(message.index))),
    el("td", {}, String(message.size)),
    [message.intended, message.read, message.latency, ...used.map((cause) => spent.get(cause))].map((ns) => el("td", {}, number(ns))));
}
