// One pattern a cause: its colour, and a hatching that tells it apart without colour.

import { svg } from "./dom.js";

const LINES = {
  "///": { size: 9, path: "M-2,2L2,-2M0,9L9,0M7,11L11,7" },
  "////": { size: 6, path: "M-1,1L1,-1M0,6L6,0M5,7L7,5" },
  "\\\\\\\\": { size: 6, path: "M-1,5L1,7M0,0L6,6M5,-1L7,1" },
  "xxxx": { size: 7, path: "M0,7L7,0M0,0L7,7" },
  "----": { size: 6, path: "M0,3H6" },
  "....": { size: 5, path: "M1.6,2.5H3.4" },
  "oo": { size: 8, path: "M2,4a2,2 0 1,0 4,0a2,2 0 1,0 -4,0" },
};

export const paint = (cause) => `url(#cause-${cause})`;

export function patterns(causes) {
  return svg("defs", {}, causes.map(({ name, colour, hatch }) => {
    const { size, path } = LINES[hatch];
    return svg("pattern", { id: `cause-${name}`, width: size, height: size, patternUnits: "userSpaceOnUse" },
      svg("rect", { width: size, height: size, fill: colour }),
      svg("path", { d: path, class: "hatching", fill: "none" }));
  }));
}

export function swatch(cause) {
  return svg("svg", { class: "swatch", width: 16, height: 16, "aria-hidden": "true" },
    svg("rect", { width: 16, height: 16, rx: 3, fill: paint(cause) }));
}
