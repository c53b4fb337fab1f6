// What the page shows, and nothing else: every state is an address, and an address is all of the state.

const WORDS = ["base", "seed", "lesson", "guess", "message", "view", "compare", "scale"];

export function read(search, page) {
  const said = new URLSearchParams(search);
  const state = { base: said.get("base"), seed: said.get("seed"), a: {}, b: {} };
  for (const [key, value] of said) {
    if (key.startsWith("b.")) state.b[key.slice(2)] = value;
    else if (!WORDS.includes(key)) state.a[key] = value;
  }
  for (const word of ["lesson", "guess", "message", "view", "compare", "scale"]) state[word] = said.get(word) ?? "";
  if (Object.keys(state.b).length) state.compare = "1";
  if (state.base) return { ...state, seed: state.seed ?? "0" };
  const lesson = page.lessons.find((one) => one.name === state.lesson);
  if (lesson) return { ...state, ...opened(lesson), guess: state.guess };
  const bare = Object.keys(state.a).length === 0;
  return { ...state, base: page.start.base, seed: state.seed ?? String(bare ? page.start.seed : 0),
           a: bare ? { ...page.start.settings } : state.a };
}

export const opened = (lesson) => ({
  lesson: lesson.name, guess: "", message: "", view: "", scale: "", compare: "1",
  base: lesson.base, seed: String(lesson.seed), a: { ...lesson.settings }, b: { ...lesson.other },
});

export function query(state) {
  const said = settings(state);
  for (const word of ["compare", "lesson", "guess", "message", "view", "scale"]) {
    if (state[word] !== "") said.set(word, state[word]);
  }
  return said;
}

export function settings(state) {
  const said = new URLSearchParams({ base: state.base });
  if (state.seed !== "0") said.set("seed", state.seed);
  for (const [key, value] of Object.entries(state.a)) said.set(key, value);
  for (const [key, value] of Object.entries(state.b)) said.set(`b.${key}`, value);
  return said;
}

export const address = (state) => `/?${query(state)}`;
