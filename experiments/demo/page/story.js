// Why the chosen message took as long as it did: its ledger as a bar whose parts sum exactly, and a sentence for each.

import { el, svg } from "./dom.js";
import { exact, ms, words } from "./figures.js";
import { paint, swatch } from "./hatch.js";

export function story(panes, selected, causes, move) {
  const told = panes.map((pane) => ({ pane, message: pane.messages.find((one) => one.index === selected) }));
  const main = told.find((one) => one.message);
  if (!main) return [el("p", { class: "hint" }, "No message was delivered.")];
  const most = Math.max(...told.map(({ message }) => message?.latency ?? 0), 1);
  const { sender, receiver, transaction } = main.pane;
  return [
    el("header", {},
      el("div", {},
        el("h2", {}, `Message ${selected}`),
        el("p", { class: "hint" }, `${main.message.size.toLocaleString("en")} B, ${sender} to ${receiver}`
          + (transaction ? " and back" : ""))),
      el("div", { class: "moves" },
        el("button", { type: "button", "aria-label": "Previous message", onclick: () => move(-1) }, "\u2190"),
        el("button", { type: "button", "aria-label": "Next message", onclick: () => move(1) }, "\u2192"),
        el("button", { type: "button", id: "slowest", onclick: () => move("slowest") }, "slowest"))),
    ...told.map(({ pane, message }, number) => message
      ? part(message, causes, most, panes.length > 1 ? "ab"[number] : "")
      : el("p", { class: "hint" }, `In ${"AB"[number]} it was not delivered.`)),
  ];
}

function part(message, causes, most, name) {
  return el("section", { class: "told", "data-pane": name || "a" },
    el("p", { class: "latency" },
      name && el("b", { class: `tag pane-${name}` }, name.toUpperCase()), " ",
      el("strong", {}, message.words), " ms from intended to read"),
    bar(message, most),
    el("ol", { class: "steps" }, message.steps.map((step) => line(step, causes.get(step.cause)))),
    el("p", { class: "sum" }, "sum ", el("output", {}, exact(message.steps.reduce((sum, step) => sum + step.ns, 0))),
      " = read \u2212 intended"));
}

function bar(message, most) {
  let x = 0;
  const label = message.steps.map((step) => `${words(step.cause)} ${exact(step.ns)}`).join(", ");
  const box = { class: "ledger", viewBox: "0 0 1000 26", preserveAspectRatio: "none" };
  return svg("svg", { ...box, role: "img", "aria-label": label },
    svg("rect", { x: 0, y: 0, width: 1000, height: 26, class: "rest" }),
    message.steps.map((step) => {
      const width = (step.ns / most) * 1000;
      const rect = svg("rect", { x, y: 0, width, height: 26, fill: paint(step.cause) },
        svg("title", {}, `${words(step.cause)}: ${exact(step.ns)}`));
      x += width;
      return rect;
    }));
}

function line(step, cause) {
  return el("li", {},
    el("div", { class: "step" }, swatch(step.cause), el("b", {}, words(step.cause)),
      el("span", { class: "ns", title: `${step.ns.toLocaleString("en")} ns` }, exact(step.ns)),
      el("span", { class: "share" }, `${(100 * step.share).toFixed(1)} %`)),
    el("p", {}, step.sentence),
    el("p", { class: "rule" }, "rule ",
      el("a", { href: `/rules/${cause.rule}`, target: "_blank", rel: "noopener" }, `models/${cause.rule}`),
      `, manual ${cause.page}`));
}

export const used = (panes) =>
  new Set(panes.flatMap((pane) => pane.messages.flatMap((message) => message.steps.map((step) => step.cause))));

export function legend(panes, causes) {
  const there = used(panes);
  return el("ul", { class: "legend", "aria-label": "Colours" },
    [...causes.keys()].filter((cause) => there.has(cause)).map((cause) => el("li", {}, swatch(cause), words(cause))),
    el("li", {}, mark("data"), "packet"), el("li", {}, mark("ack"), "ACK"));
}

const mark = (kind) => svg("svg", { class: "ladder swatch", width: 26, height: 16, "aria-hidden": "true" },
  svg("line", { x1: 1, y1: 4, x2: 25, y2: 12, class: kind }));
