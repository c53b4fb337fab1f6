// What a reader takes along: commands that show the same in a terminal, the scenario, the picture.

import { el, svg } from "./dom.js";
import { patterns } from "./hatch.js";

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

// The panes beside one another, with their heads, in one file that needs nothing else.
export async function download(container, causes, name) {
  const style = await (await fetch("/ladder.css")).text();
  const columns = [...container.querySelectorAll(".pane")].map((pane) => [...pane.querySelectorAll("svg")]);
  const whole = svg("svg", { xmlns: "http://www.w3.org/2000/svg" }, svg("style", {}, style), patterns(causes));
  let x = 0, height = 0;
  for (const column of columns) {
    let y = 0;
    for (const node of column) {
      const copy = node.cloneNode(true);
      copy.setAttribute("x", x);
      copy.setAttribute("y", y);
      whole.append(copy);
      y += Number(node.getAttribute("height"));
    }
    x += Number(column[0].getAttribute("width")) + 16;
    height = Math.max(height, y);
  }
  whole.setAttribute("viewBox", `0 0 ${x} ${height}`);
  save(new Blob([new XMLSerializer().serializeToString(whole)], { type: "image/svg+xml" }), `${name}.svg`);
}

function save(blob, name) {
  const href = URL.createObjectURL(blob);
  const link = el("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 1000);
}
