// The diagrams of all panes: strips above one another, ladders beside one another on one clock.

import { $, el } from "./dom.js";
import { MS } from "./figures.js";
import { heads, ladder } from "./ladder.js";
import { clock, sharesOf, span } from "./layout.js";
import { strip } from "./strip.js";

const ROOM = 520; // px of a ladder that are seen at once, about
const TALLEST = 60_000;
const GAP = 12, SCROLLBAR = 18, NARROWEST = 170;
const STEP = 1.6; // of the scale

export function diagrams(panes, { chosen, scale, choose, zoom }) {
  strips(panes, chosen, choose);
  const together = clock(panes);
  const own = Math.min(TALLEST / ((together.end - together.start) / MS), scale || ROOM / (span(panes) / MS));
  ladders(panes, chosen, together, own);
  $("zooms").replaceChildren(
    button("More at once", "\u2212", () => zoom(own / STEP)),
    button("More detail", "+", () => zoom(own * STEP)));
}

const button = (label, text, onclick) =>
  el("button", { type: "button", "aria-label": label, title: label, onclick }, text);

const nameOf = (panes, number) => (panes.length > 1 ? "ab"[number] : "");

function strips(panes, selected, choose) {
  const messages = panes.flatMap((pane) => pane.messages);
  const shared = {
    width: Math.max(200, $("strip").clientWidth - SCROLLBAR),
    height: panes.length > 1 ? 46 : 66,
    most: Math.max(1, ...messages.map((message) => message.latency)),
    count: 1 + Math.max(0, ...messages.map((message) => message.index)),
    selected,
    choose,
  };
  $("strip").replaceChildren(...panes.map((pane, number) => strip(pane, { ...shared, name: nameOf(panes, number) })));
}

function ladders(panes, selected, together, scale) {
  const box = $("ladder");
  const room = box.clientWidth - GAP * (panes.length - 1) - SCROLLBAR;
  const width = Math.max(NARROWEST, Math.floor(room / panes.length));
  const shares = sharesOf(panes);
  const drawn = panes.map((pane, number) => el("div", { class: "pane" },
    heads(pane, width, shares, nameOf(panes, number)),
    ladder(pane, { width, scale, clock: together, shares, selected, name: nameOf(panes, number) })));
  const before = box.querySelector(".scroller");
  const top = before && Number(before.dataset.scale) === scale ? before.scrollTop : null;
  const scroller = el("div", { class: "scroller", "data-scale": scale }, drawn);
  box.replaceChildren(scroller);
  if (top !== null) scroller.scrollTop = top;
  intoView(scroller, panes, selected, (at) => ((at - together.start) / MS) * scale);
}

const HEAD = 48; // px above the first instant
const ABOVE = 90; // px to leave above the chosen message

function intoView(scroller, panes, selected, y) {
  const found = panes.flatMap((pane) => pane.messages.filter((message) => message.index === selected));
  if (found.length === 0) return;
  const top = HEAD + y(Math.min(...found.map((message) => message.intended)));
  const bottom = HEAD + y(Math.max(...found.map((message) => message.read)));
  const seen = top >= scroller.scrollTop + HEAD && bottom <= scroller.scrollTop + scroller.clientHeight;
  if (!seen) scroller.scrollTop = top - ABOVE;
}
