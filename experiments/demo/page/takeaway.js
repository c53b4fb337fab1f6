// What a reader takes along: commands that show the same in a terminal, the scenario, the picture.

import { el, svg } from "./dom.js";
import { words } from "./figures.js";
import { paint, patterns } from "./hatch.js";
import { used } from "./story.js";

export function takeaway(commands, files, picture) {
  return [
    el("h2", {}, "Take it away"),
    commands.map(({ what, text }) => el("div", { class: "command" },
      el("p", { class: "hint" }, what),
      el("pre", { tabindex: 0 }, el("code", {}, text)),
      copying(text))),
    el("div", { class: "downloads" },
      el("button", { type: "button", id: "svg", onclick: picture }, "diagram (SVG)"),
      files.map(({ what, href }) => el("a", { class: "button", href, download: "" }, what))),
  ];
}

export function copying(text, label = "Copy") {
  return el("button", { type: "button", class: "copy", onclick: async (event) => {
    const button = event.currentTarget;
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  } }, label);
}

// The panes beside one another, with their heads, what the colours mean, and the command: one file that needs no other.
export async function download(container, causes, panes, command) {
  const style = await (await fetch("/ladder.css")).text();
  const whole = svg("svg", { xmlns: "http://www.w3.org/2000/svg" }, svg("style", {}, style), patterns(causes));
  let x = 0, height = 0;
  for (const pane of container.querySelectorAll(".pane")) {
    let y = 0;
    for (const node of pane.querySelectorAll("svg")) {
      const copy = node.cloneNode(true);
      copy.setAttribute("x", x);
      copy.setAttribute("y", y);
      whole.append(copy);
      y += Number(node.getAttribute("height"));
    }
    x += Number(pane.querySelector("svg").getAttribute("width")) + 16;
    height = Math.max(height, y);
  }
  const foot = key(causes.map((cause) => cause.name).filter((name) => used(panes).has(name)), x, height + 10);
  whole.append(foot.node, svg("text", { x: 4, y: foot.bottom + 16, class: "command" }, command));
  whole.setAttribute("viewBox", `0 0 ${x} ${foot.bottom + 26}`);
  save(new Blob([new XMLSerializer().serializeToString(whole)], { type: "image/svg+xml" }), `${panes[0].name}.svg`);
}

const KEY = 120; // px a cause takes

function key(names, width, top) {
  const columns = Math.max(1, Math.floor(width / KEY));
  const at = (number) => `translate(${4 + (number % columns) * KEY},${top + 20 * Math.floor(number / columns)})`;
  return {
    bottom: top + 20 * Math.ceil(names.length / columns),
    node: svg("g", { class: "ladder" }, names.map((name, number) => svg("g", { transform: at(number) },
      svg("rect", { width: 14, height: 14, rx: 3, fill: paint(name) }), svg("text", { x: 20, y: 11 }, words(name))))),
  };
}

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = el("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
