// Questions to the bridge. A mistake in a setting comes back as problems, each with the key of its control.

export class Refused extends Error {
  constructor(problems) {
    super(problems.map((one) => one.problem).join("; "));
    this.problems = problems;
  }
}

export async function ask(path, said = new URLSearchParams(), signal = undefined) {
  let reply;
  try {
    reply = await fetch(`${path}?${said}`, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused([{ key: "", problem: "the server does not answer", cure: "is `tinygram demo` still running?" }]);
  }
  const body = await reply.json();
  if (!reply.ok) throw new Refused(body.problems);
  return body;
}

export function pane(said, which) {
  const own = new URLSearchParams(said);
  own.set("pane", which);
  return own;
}
