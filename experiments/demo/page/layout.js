// Where things go in a ladder: lanes across, time down, and beside one another what waits at the same time.

import { MS } from "./figures.js";

export const LANES = [
  { name: "write", label: "write()", short: "write", share: 16 },
  { name: "framer", label: "framer buffer", short: "buffer", share: 16 },
  { name: "queue", label: "send queue", short: "queue", share: 22 },
  { name: "wire", label: "wire", short: "wire", share: 28 },
  { name: "reader", label: "reader", short: "read", share: 20 },
];
export const AXIS = 46, TOP = 8, BOTTOM = 24;
const LITTLE = 0.8, SLOT_MAX = 18, SLOT_MIN = 2, MARGIN = 6;

// A reply waits at the host that answers until it is on the wire, and is read where the request was written.
const BACK = { write: "reader", framer: "reader", queue: "reader", wire: "wire", receiver: "write", reader: "write" };
export const laneOf = (place, back) => (back ? BACK[place] : place === "receiver" ? "reader" : place);

export function legs(message) {
  return message.legs.map((leg, number) => ({
    ...leg,
    stays: [...leg.stays, ...(number === 0 ? message.service : [])].map((stay) => placed(stay, leg.back)),
  }));
}

function placed(stay, back) {
  const length = stay.parts.reduce((sum, part) => sum + part.ns, 0);
  return { ...stay, lane: laneOf(stay.place, back), end: stay.start + length };
}

// The stretch of time that the panes share.
export function clock(panes) {
  const starts = panes.flatMap((pane) => pane.messages.map((message) => message.intended));
  const ends = panes.flatMap((pane) => pane.messages.map((message) => message.read));
  return { start: Math.min(0, ...starts), end: Math.max(1, ...ends) };
}

// How much of it is worth seeing at once: a few messages, the slowest among them, and each as long as can be.
export function span(panes) {
  return Math.max(1000, ...panes.filter((pane) => pane.messages.length).map(({ messages }) => {
    const latencies = messages.map((message) => message.latency).sort((x, y) => x - y);
    const usual = latencies[Math.floor(latencies.length / 2)], most = latencies[latencies.length - 1];
    const first = messages[0].intended, last = messages[messages.length - 1].intended;
    const interval = (last - first) / Math.max(1, messages.length - 1);
    return Math.max(2.2 * usual, Math.min(8 * interval, 5 * usual), Math.min(1.2 * most, 14 * interval));
  }));
}

// A lane in which nobody waits long is narrow, one in which many wait beside one another is wide.
export function sharesOf(panes) {
  const crowd = {};
  for (const pane of panes) {
    const long = pane.messages.map((message) => legs(message).map((leg) => ({
      ...leg, stays: leg.stays.filter((stay) => stay.end - stay.start > message.latency / 50) })));
    for (const [lane, ends] of Object.entries(seats(long).taken)) crowd[lane] = Math.max(crowd[lane] ?? 0, ends.length);
  }
  const room = ({ name }) => {
    if (crowd[name]) return 1 + Math.min(1, (crowd[name] - 1) / 15);
    return name === "write" || name === "wire" ? 1 : LITTLE;
  };
  return LANES.map((lane) => lane.share * room(lane));
}

export function lanes(width, shares) {
  const unit = (width - AXIS) / shares.reduce((sum, share) => sum + share, 0);
  let left = AXIS;
  const found = {};
  LANES.forEach((lane, number) => {
    const right = left + shares[number] * unit;
    found[lane.name] = { ...lane, left, right, width: right - left };
    left = right;
  });
  return found;
}

// Each leg's place across each lane: the first that is free from its first stay there to its last.
function seats(all) {
  const taken = {};
  const seated = all.map((legs) => legs.map((leg) => {
    const slot = {};
    for (const [lane, [from, to]] of Object.entries(stretches(leg))) {
      const ends = (taken[lane] ??= []);
      const free = ends.findIndex((end) => end <= from);
      slot[lane] = free < 0 ? ends.length : free;
      ends[slot[lane]] = to;
    }
    return { ...leg, slot };
  }));
  return { seated, taken };
}

export function slots(messages, across) {
  const { seated, taken } = seats(messages.map(legs));
  const thickness = {};
  for (const [lane, ends] of Object.entries(taken)) {
    const room = (across[lane].width - 2 * MARGIN) / ends.length;
    thickness[lane] = Math.max(SLOT_MIN, Math.min(SLOT_MAX, room));
  }
  return { legs: seated, thickness, left: (lane, slot) => left(across[lane], thickness[lane] ?? SLOT_MAX, slot) };
}

function stretches(leg) {
  const found = {};
  for (const stay of leg.stays) {
    if (stay.lane === "wire") continue;
    const [from, to] = found[stay.lane] ?? [stay.start, stay.end];
    found[stay.lane] = [Math.min(from, stay.start), Math.max(to, stay.end)];
  }
  return found;
}

function left(lane, width, slot) {
  const room = Math.max(1, Math.floor((lane.width - 2 * MARGIN) / width));
  return lane.left + MARGIN + (slot % room) * width;
}

export function ticks(start, end, scale) {
  const least = (64 / scale) * MS;
  const decade = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((times) => times * decade).find((size) => size >= least);
  const found = [];
  for (let at = Math.ceil(start / step) * step; at <= end; at += step) found.push(at);
  return { found, step };
}
