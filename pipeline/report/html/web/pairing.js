// Two settings on the same examples: which of them got each right, and what they answered once that is loaded.
const OUTCOMES = ["all", "fixed", "broken", "right", "wrong", "unscored"];

// `facet` is the data of examples.py; the two settings may be the same one.
class Pairing {
  constructor(facet, settings) {
    this.sides = settings.map((setting) => ({ setting, records: {}, texts: {} }));
    this.alone = settings[0] === settings[1];
    this.asked = facet.asked;
    this.prompts = {};
    this.rows = facet.examples.map(([position, id, question], place) => {
      const [a, b] = settings.map((setting) => ({ score: scoreOf(setting, place), nfe: setting.nfe[place] }));
      return { position, id, question, a, b, outcome: outcomeOf(a.score, b.score) };
    });
  }

  get distinct() { return this.alone ? this.sides.slice(0, 1) : this.sides; }

  // What the outcomes are called, in the order of OUTCOMES.
  get names() {
    if (this.alone) return { all: "all", right: "right", wrong: "wrong", unscored: "unscored" };
    const axon = !this.sides[0].setting.axon && this.sides[1].setting.axon;
    return { all: "all", fixed: axon ? "AXON fixed" : "only B right", broken: axon ? "AXON broke" : "only A right",
             right: "both right", wrong: "both wrong", unscored: "unscored" };
  }

  count(outcome) { return this.of(outcome).length; }

  of(outcome) { return outcome === "all" ? this.rows : this.rows.filter((row) => row.outcome === outcome); }

  // Loads answers and questions; a promise of what is missing: "absent", "left out".
  async load() {
    const problems = new Set();
    const missing = () => { problems.add("absent"); };
    await Promise.all([
      ...this.sides.map((side) => side.setting.file
        ? loadDetails(side.setting.file).then((found) => Object.assign(side, found), missing)
        : problems.add("left out")),
      this.asked && loadDetails(this.asked).then((found) => { this.prompts = found; }, missing),
    ]);
    return problems;
  }

  question(row) { return this.prompts[row.id] ?? row.question; }

  // The shorter of what was answered and what was extracted of it (a program is longer by its prompt), or the error.
  answer(side, row) {
    const record = side.records[row.id];
    if (!record) return undefined;
    const told = record.slice(5, 7).filter((text) => text !== null).sort((a, b) => a.length - b.length);
    return told[0] ?? record[7];
  }

  // The examples with that outcome and all these words, in order.
  matching(outcome, sought, order) {
    const words = sought.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (row) => [row.position, row.id, this.question(row), ...this.sides.map((side) => this.answer(side, row))].join(" ").toLowerCase();
    return this.of(outcome).filter((row) => words.every((word) => text(row).includes(word)))
      .sort((x, y) => ORDERS[order](x, y) || x.position - y.position);
  }
}

const scoreOf = ({ scores }, place) => typeof scores !== "string" ? scores[place] : scores[place] === " " ? null : Number(scores[place]);

function outcomeOf(a, b) {
  if (a === null || b === null) return "unscored";
  if (a !== b) return b > a ? "fixed" : "broken";
  return a === 1 ? "right" : "wrong";
}

const gained = (row) => (row.outcome === "unscored" ? 0 : row.b.score - row.a.score);
const costlier = (row) => row.b.nfe - row.a.nfe;
const ORDERS = {
  score: (x, y) => Math.abs(gained(y)) - Math.abs(gained(x)) || gained(x) - gained(y) || costlier(y) - costlier(x),
  nfe: (x, y) => costlier(y) - costlier(x),
  example: () => 0,
};
