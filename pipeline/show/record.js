// What `showDecode` shows of a record alone: the same as panel.data of its frames in Python, which a test compares.
// `record`: tokens, revealedAt, axonSteps, unsupportedSteps, nfe; `texts`: token -> text; `gate`: "never" for the base.
function decodeOfRecord(record, texts, { title, gate, score, note }) {
  const DECODER = 1, AXON = 2, UNDECODED = 4; // places in panel.py's KINDS
  const places = new Map();
  const place = (text) => places.get(text) ?? (places.set(text, places.size), places.size - 1);
  const shown = record.tokens.map((token) => texts[token] ?? "#" + token);
  const at = Array.from({ length: record.nfe }, () => []);
  record.revealedAt.forEach((step, position) => { if (step >= 0) at[step].push(position); });
  const axon = new Set(record.axonSteps), unsupported = new Set(record.unsupportedSteps ?? []);
  const counted = (count, one, many) => `${count} ${count === 1 ? one : many}`;
  let left = record.tokens.length;
  const steps = at.map((positions, step) => {
    const last = step === record.nfe - 1;
    const by = !positions.length || !(unsupported.has(step) || axon.has(step)) ? "decoder" : unsupported.has(step) ? "fallback" : "axon";
    left = last ? 0 : left - positions.length;
    const who = { decoder: "the base decoder", axon: "AXON", fallback: "AXON, the most confident (nothing attends to a candidate)" }[by];
    const revealed = positions.length ? `${counted(positions.length, "token", "tokens")} revealed by ${who}` : "no token revealed";
    const words = [`${revealed}; ${counted(left, "mask", "masks")} left`];
    if (gate !== "never") words.push(`gate ${gate} ${by === "decoder" ? "did not fire, or was not asked" : "fired"}`);
    const fresh = positions.map((position) => [position, by === "decoder" ? DECODER : AXON]);
    if (last) record.revealedAt.forEach((found, position) => { if (found < 0) fresh.push([position, UNDECODED]); });
    fresh.sort((a, b) => a[0] - b[0]);
    return { words, cells: fresh.map(([position, kind]) => [position, place(shown[position]), kind]) };
  });
  const outcome = score === null ? "not scored" : `score ${score}`;
  return { title, note, outcome, length: shown.length, texts: [...places.keys()], steps };
}
