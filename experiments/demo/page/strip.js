// Every message of a pane as one bar of its causes: the whole run at a glance. A click chooses a message.

import { svg } from "./dom.js";
import { ms } from "./figures.js";
import { paint } from "./hatch.js";

const AXIS = 46, TOP = 6, FOOT = 6, THICKEST = 26;

export function strip(pane, { width, height, most, count, selected, name, choose }) {
  const step = (width - AXIS - 6) / Math.max(1, count);
  const gap = step > 5 ? 1 : 0;
  const thick = Math.max(0.8, Math.min(step - gap, THICKEST));
  const tall = height - TOP - FOOT;
  const x = (index) => AXIS + index * step;
  const stacked = pane.messages.map((message) => {
    let y = height - FOOT;
    return message.steps.map(({ cause, ns }) => {
      const long = (ns / most) * tall;
      y -= long;
      return long > 0.25
        && svg("rect", { x: x(message.index), y, width: thick, height: long, fill: paint(cause), class: "bar" });
    });
  });
  const chosen = pane.messages.find((message) => message.index === selected);
  const at = chosen && x(chosen.index) + thick / 2;
  const pick = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const wanted = Math.floor((event.clientX - box.left) / step);
    const far = (index) => Math.abs(index - wanted);
    const known = pane.messages.map((message) => message.index);
    if (known.length) choose(known.reduce((one, other) => (far(other) < far(one) ? other : one)));
  };
  return svg("svg", { class: "strip", width, height: height, role: "img",
                      "aria-label": `Latency of every message, by cause; the slowest takes ${ms(most)} ms` },
    svg("line", { x1: AXIS, x2: width, y1: height - FOOT + 0.5, y2: height - FOOT + 0.5, class: "base" }),
    svg("text", { x: AXIS - 8, y: TOP + 8, "text-anchor": "end" }, ms(most)),
    name && svg("text", { x: 4, y: height - FOOT - 1, class: `pane-name pane-${name}` }, name.toUpperCase()),
    stacked,
    chosen && svg("path", { d: `M${at},${height - FOOT + 1}l4,5h-8z`, class: "marker" }),
    svg("rect", { x: AXIS, y: 0, width: Math.max(1, width - AXIS), height: height, class: "room", onclick: pick }));
}
