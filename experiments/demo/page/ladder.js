// The ladder: time runs down, a message goes from lane to lane, and what makes it wait is a bar where it waits.

import { svg } from "./dom.js";
import { MS, ms, words } from "./figures.js";
import { paint } from "./hatch.js";
import { AXIS, BOTTOM, LANES, TOP, lanes, slots, ticks } from "./layout.js";

const COLOURS = 6;
const SEEN = 0.7; // px: a shorter wait is not drawn, its message's line goes on
const WIDE = 520; // px a pane needs for whole names of lanes
const NARROW = 260; // and for their hosts
const LABEL_ROOM = 12; // px between two numbers

export function heads(pane, width, shares, name) {
  const across = lanes(width, shares);
  const size = width < NARROW ? "narrow" : width < WIDE ? "short" : "";
  const hosts = { write: pane.sender, queue: pane.sender, reader: pane.receiver };
  return svg("svg", { class: "ladder heads", width, height: 40, "aria-hidden": "true" },
    name && svg("text", { x: 4, y: 17, class: `pane-name pane-${name}` }, name.toUpperCase()),
    LANES.map(({ name: lane, label, short }) => {
      const x = (across[lane].left + across[lane].right) / 2;
      if (size === "narrow") {
        return svg("text", { class: "lane-name narrow", transform: `translate(${x - 9},37) rotate(-42)` }, short);
      }
      return [
        svg("text", { x, y: 17, class: `lane-name ${size}` }, size ? short : label),
        svg("text", { x, y: 32, class: "host" }, hosts[lane] ?? ""),
      ];
    }));
}

export function ladder(pane, { width, scale, clock, shares, selected, name }) {
  const across = lanes(width, shares);
  const height = TOP + ((clock.end - clock.start) / MS) * scale + BOTTOM;
  const sheet = {
    across, width, height, scale, clock,
    y: (at) => TOP + ((at - clock.start) / MS) * scale,
    ...slots(pane.messages, across),
  };
  const label = `Ladder ${name.toUpperCase()}: ${pane.messages.length} messages from the ${pane.sender} to the`
    + ` ${pane.receiver}. Arrow keys choose a message.`;
  return svg("svg", { class: "ladder", width, height, viewBox: `0 0 ${width} ${height}`, role: "listbox",
                      "aria-label": label, "data-pane": name || "a" },
    ground(sheet), packets(pane.segments, sheet), heldAcks(pane.segments, sheet),
    messages(pane, sheet, selected), timers(pane, sheet));
}

// ---- ground ------------------------------------------------------------------------------------------------------

function ground({ across, width, height, scale, clock, y }) {
  const { found, step } = ticks(clock.start, clock.end, scale);
  const digits = Math.max(0, -Math.floor(Math.log10(step / MS)));
  return svg("g", { "aria-hidden": "true" },
    svg("rect", { x: across.wire.left, y: 0, width: across.wire.width, height, class: "wire" }),
    found.map((at) => [
      svg("line", { x1: AXIS, x2: width, y1: y(at), y2: y(at), class: "tick" }),
      svg("text", { x: AXIS - 8, y: y(at) + 4, class: "time" },
        (at / MS).toFixed(digits) + (at === found[0] ? " ms" : "")),
    ]),
    LANES.map(({ name }) => across[name].left)
      .map((x) => svg("line", { x1: x, x2: x, y1: 0, y2: height, class: "lane" })));
}

// ---- packets -----------------------------------------------------------------------------------------------------

function packets(segments, sheet) {
  return svg("g", { "aria-hidden": "true" }, segments.map((packet) =>
    svg("g", {}, svg("title", {}, carried(packet)), drawn(packet, sheet))));
}

function carried({ bytes, again, lost, tx, due }) {
  const what = bytes ? `${bytes} B${again ? ", sent again" : ""}` : "ACK";
  return `${what}: sent at ${ms(tx)} ms, ${lost ? "lost" : `there at ${ms(due)} ms`}`;
}

function drawn(packet, { across, y }) {
  const [from, to] = packet.back ? [across.wire.right, across.wire.left] : [across.wire.left, across.wire.right];
  const there = packet.due - packet.jitter - packet.spike;
  const kind = packet.bytes === 0 ? "ack" : packet.again ? "data again" : "data";
  if (packet.lost) {
    const x = (from + to) / 2, at = y((packet.done + packet.due) / 2);
    return [
      svg("line", { x1: from, y1: y(packet.done), x2: x, y2: at, class: kind }),
      svg("path", { d: `M${x - 5},${at - 5}l10,10m0,-10l-10,10`, class: "lost" }),
    ];
  }
  if (kind === "ack") return svg("line", { x1: from, y1: y(packet.done), x2: to, y2: y(there), class: kind });
  const first = y(packet.svc), last = y(packet.done), end = y(there);
  const bits = `${from},${first} ${from},${last} ${to},${end} ${to},${end - (last - first)}`;
  return [
    last - first > 1 && svg("polygon", { points: bits, class: `bits ${packet.again ? "again" : ""}` }),
    svg("line", { x1: from, y1: last, x2: to, y2: end, class: kind }),
  ];
}

function heldAcks(segments, { across, y }) {
  const width = 7;
  return svg("g", { "aria-hidden": "true" }, segments.filter((packet) => packet.held !== null).map((packet) => {
    const x = packet.back ? across.reader.right - width - 3 : across.write.left + 3;
    const top = y(packet.held), bottom = y(packet.tx);
    const edge = packet.back ? across.wire.right : across.wire.left;
    return svg("g", { class: "held" },
      svg("title", {}, `The ACK of what had arrived at ${ms(packet.held)} ms, kept back until ${ms(packet.tx)} ms`),
      svg("rect", { x, y: top, width, height: bottom - top, rx: 2, fill: paint("delayed_ack") }),
      svg("line", { x1: x, x2: edge, y1: bottom, y2: bottom, class: "ack" }),
      bottom - top > 66 && svg("text", { transform: `translate(${x - 5},${(top + bottom) / 2}) rotate(-90)` },
        `held ${ms(packet.tx - packet.held)} ms`));
  }));
}

// A clock where a timer fired, at the edge of its lane.
function timers(pane, { across, y }) {
  const lane = (timer) => (timer.host !== pane.sender ? "reader" : timer.what === "flush timer" ? "framer" : "queue");
  return svg("g", { "aria-hidden": "true" }, pane.timers.map((timer) => svg("g", { class: "timer" },
    svg("title", {}, `${timer.host}: ${timer.what} at ${ms(timer.at)} ms`),
    svg("path", { d: "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0M0,-3V0H2.4",
                  transform: `translate(${across[lane(timer)].right - 6.5},${y(timer.at)})` }))));
}

// ---- messages ----------------------------------------------------------------------------------------------------

function messages(pane, sheet, selected) {
  const groups = [];
  let labelled = -Infinity;
  pane.messages.forEach((message, number) => {
    const chosen = message.index === selected;
    const y = sheet.y(message.intended);
    const room = y - labelled >= LABEL_ROOM;
    if (room) labelled = y;
    groups.push({ chosen, node: drawnMessage(message, sheet.legs[number], sheet, chosen, room || chosen) });
  });
  groups.sort((one, other) => one.chosen - other.chosen); // the chosen one on top
  return svg("g", { class: selected === null ? "" : "choosing" }, groups.map((group) => group.node));
}

export function spoken(message) {
  const most = message.steps.reduce((one, other) => (other.ns > one.ns ? other : one), message.steps[0]);
  const why = most ? `, mostly ${words(most.cause)}, ${ms(most.ns)} ms` : "";
  return `Message ${message.index}, ${message.size} bytes, ${message.words} ms${why}`;
}

function drawnMessage(message, legs, sheet, chosen, labelled) {
  const { across, y } = sheet;
  const why = new Map(message.steps.map((step) => [step.cause, step.sentence]));
  return svg("g", { class: `message m${message.index % COLOURS}${chosen ? " chosen" : ""}`, role: "option",
                    "aria-selected": String(chosen), tabindex: chosen ? 0 : -1, "aria-label": spoken(message),
                    "data-index": message.index },
    svg("title", {}, spoken(message)),
    legs.map((leg) => [
      svg("path", { d: way(leg, sheet), class: "reach" }),
      svg("path", { d: way(leg, sheet), class: "way" }),
      leg.stays.map((stay) => bars(stay, leg, sheet, why)),
    ]),
    svg("circle", { cx: middle(legs[0], "write", sheet), cy: y(message.intended), r: chosen ? 4 : 3, class: "begin" }),
    end(legs[legs.length - 1], message.read, sheet, chosen),
    labelled && svg("text", { x: across.write.left + 4, y: y(message.intended) + 4, class: "number" },
      String(message.index)));
}

const NUMBERS = 22; // px in the first lane that belong to the messages' numbers

function place(leg, lane, { left, thickness, across }) {
  const shift = lane === "write" ? NUMBERS : 0;
  const size = thickness[lane] ?? 12;
  const x = left(lane, leg.slot[lane] ?? 0) + shift;
  return { x: Math.min(x, across[lane].right - size), size };
}

const middle = (leg, lane, sheet) => {
  const { x, size } = place(leg, lane, sheet);
  return x + size / 2;
};

// The line of one way: down where it waits, across where it goes on, sloping where it travels.
function way(leg, sheet) {
  const { across, y } = sheet;
  const [near, far] = leg.back ? ["reader", "write"] : ["write", "reader"];
  const [from, to] = leg.back ? [across.wire.right, across.wire.left] : [across.wire.left, across.wire.right];
  const wire = leg.stays.filter((stay) => stay.lane === "wire");
  const waits = Object.fromEntries(wire.flatMap((stay) => stay.parts.map((part) => [part.cause, part.ns])));
  const enters = leg.arrived - wire.reduce((sum, stay) => sum + stay.end - stay.start, 0);
  const leaves = enters + (waits.queueing ?? 0) + (waits.serialisation ?? 0);
  const there = leg.arrived - (waits.jitter ?? 0) - (waits.spike ?? 0);
  const before = leg.stays.filter((stay) => stay.end <= enters)
    .map((stay) => `V${y(stay.start)}H${middle(leg, stay.lane, sheet)}V${y(stay.end)}`);
  return `M${middle(leg, near, sheet)},${y(leg.intended)}${before.join("")}V${y(enters)}H${from}V${y(leaves)}`
    + `L${to},${y(there)}V${y(leg.arrived)}H${middle(leg, far, sheet)}V${y(leg.read)}`;
}

function bars(stay, leg, sheet, why) {
  let at = stay.start;
  return stay.parts.map(({ cause, ns }) => {
    const start = at;
    at += ns;
    const height = (ns / MS) * sheet.scale;
    if (height < SEEN) return null;
    const box = stay.lane === "wire" ? onWire(cause, leg.back, sheet) : place(leg, stay.lane, sheet);
    return box && svg("rect", { x: box.x, y: sheet.y(start), width: Math.max(1, box.size - 1), height,
                                class: "bar", fill: paint(cause), "data-cause": cause },
      svg("title", {}, `${words(cause)}, ${ms(ns)} ms: ${why.get(cause)}`));
  });
}

// Before the wire a packet queues, behind it a late one waits; its bits and the distance are drawn as packets.
function onWire(cause, back, { across }) {
  const size = 9;
  const atStart = { x: back ? across.wire.right - size - 3 : across.wire.left + 3, size };
  const atEnd = { x: back ? across.wire.left + 3 : across.wire.right - size - 3, size };
  return { queueing: atStart, jitter: atEnd, spike: atEnd }[cause];
}

function end(leg, at, sheet, chosen) {
  const x = middle(leg, leg.back ? "write" : "reader", sheet), y = sheet.y(at), r = chosen ? 5 : 3.5;
  return svg("path", { d: `M${x - r},${y - r}h${2 * r}l${-r},${1.5 * r}z`, class: "end" });
}
