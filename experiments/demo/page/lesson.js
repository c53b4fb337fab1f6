// Lessons: a question and a guess to make; only then the answer is asked for, and what happened is shown.

import { el } from "./dom.js";

export function rail(page, state, open, explore) {
  return [
    el("button", { type: "button", class: "chip", "aria-pressed": String(!state.lesson), onclick: explore }, "Explore"),
    page.lessons.map((lesson, number) => el("button", { type: "button", class: "chip", "data-lesson": lesson.name,
      "aria-pressed": String(state.lesson === lesson.name), onclick: () => open(lesson) },
      el("span", { class: "number" }, String(number + 1)), lesson.title)),
  ];
}

export function question(lesson, number, guess) {
  return el("article", { class: "card question" },
    el("p", { class: "eyebrow" }, `Lesson ${number + 1}: ${lesson.title}`),
    el("p", { class: "setting" }, lesson.setting),
    el("h2", { tabindex: -1 }, lesson.question),
    el("div", { class: "guesses", role: "group", "aria-label": "Your guess" }, lesson.guesses.map((text, choice) =>
      el("button", { type: "button", "data-guess": choice, onclick: () => guess(choice) }, text))),
    el("p", { class: "hint" }, "Guess first: what happens is shown when you have."));
}

export function answer(lesson, number, guess, told, { following, back }) {
  const untrue = told.claims.filter((claim) => !claim.holds).map((claim) => claim.text);
  return el("article", { class: "card answer" },
    el("p", { class: "eyebrow" }, `Lesson ${number + 1}: ${lesson.title}`),
    el("h2", { tabindex: -1 }, lesson.question),
    el("ul", { class: "guesses" }, lesson.guesses.map((text, choice) => guessed(text, choice, guess, told.right))),
    el("p", { class: "verdict" }, el("strong", {}, guess === told.right ? "Yes. " : "Not quite. "), told.text),
    untrue.length > 0 && el("p", { class: "wrong" }, `This does not hold in the runs shown: ${untrue.join("; ")}`),
    el("p", { class: "hint" }, el("b", {}, "A: "), "as asked. ", el("b", {}, "B: "), `${lesson.difference}. `,
      el("b", {}, "Go on: "), told.next),
    back && el("p", { class: "hint" }, "You have changed the settings; this answer is about the lesson's own. ",
      el("button", { type: "button", id: "back", onclick: back }, "Back to them")),
    following && el("button", { type: "button", id: "next-lesson", onclick: following }, "Next lesson"));
}

function guessed(text, choice, guess, right) {
  if (choice === right) {
    return el("li", { class: "right" }, text, el("small", {}, choice === guess ? "right, as you guessed" : "right"));
  }
  return choice === guess ? el("li", { class: "missed" }, text, el("small", {}, "your guess")) : el("li", {}, text);
}
