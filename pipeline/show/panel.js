// Fills `host` with a decode to step through; `data` is that of pipeline/show/panel.py. `keys`: who hears the keyboard.
// Returns what moves to a step, 0 the first.
function showDecode(host, data, keys = host) {
  const KINDS = ["before", "decoder", "axon", "replaced", "undecoded", "supported", "mask", "remasked"];
  const STAYS = ["decoder", "axon", "replaced", "undecoded"];
  const PACE = 800; // milliseconds a step, where it plays
  const count = Math.max(...data.decodes.map((decode) => decode.steps.length));
  let step = 0, timer = null;

  function element(parent, name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    parent.append(made);
    return made;
  }

  // The cells after each step: [text, kind, number, strength, confidence].
  function canvases(decode) {
    const written = new Array(decode.length).fill(null);
    return decode.steps.map(({ cells }) => {
      const shown = written.map((text) => (text === null ? ["", "mask"] : [text, "before"]));
      for (const [position, text, kind, ...more] of cells) {
        const name = KINDS[kind], label = decode.texts[text];
        shown[position] = [label, name, ...more];
        written[position] = STAYS.includes(name) ? label : null;
      }
      return shown;
    });
  }

  host.replaceChildren();
  host.classList.add("decode");
  host.tabIndex = 0;
  host.setAttribute("role", "group");
  host.setAttribute("aria-label", "A decode, step by step; arrow keys move, space plays");
  if (data.prompt) element(host, "p", "prompt", data.prompt);
  const bar = element(host, "div", "bar");
  const button = (text, label, act) => {
    const made = element(bar, "button", "", text);
    made.type = "button";
    made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  };
  button("←", "one step back", () => moveTo(step - 1));
  const play = button("▶", "play", toggle);
  button("→", "one step on", () => moveTo(step + 1));
  const slider = element(bar, "input");
  Object.assign(slider, { type: "range", min: 1, max: count, value: 1 });
  slider.setAttribute("aria-label", "step");
  slider.addEventListener("input", () => moveTo(Number(slider.value) - 1));
  const counter = element(bar, "output");
  counter.setAttribute("aria-live", "polite");

  const sides = element(host, "div", "sides");
  const views = data.decodes.map((decode) => {
    const side = element(sides, "section");
    const title = element(side, "h3");
    const canvas = element(side, "div", "canvas");
    const lines = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    lines.setAttribute("aria-hidden", "true");
    canvas.append(lines);
    const cells = Array.from({ length: decode.length }, () => element(canvas, "span", "cell"));
    const words = element(side, "ul", "words");
    words.style.minHeight = `${1.5 * Math.max(...decode.steps.map((one) => one.words.length))}em`;
    if (decode.note) element(side, "p", "note", decode.note);
    const states = canvases(decode);
    // As wide as what it holds at the end, so that nothing moves from step to step.
    const rooms = states[states.length - 1].map(([text]) => Math.max(2, text.length));
    cells.forEach((cell, place) => { cell.style.width = `calc(${rooms[place]}ch + .8rem)`; });
    return { decode, states, rooms, title, canvas, lines, cells, words };
  });
  const used = new Set(views.flatMap((view) => view.states.flat().map((cell) => cell[1])));
  const legend = element(host, "ul", "legend");
  for (const [kind, text] of data.legend) {
    if (kind !== "end" && !used.has(kind)) continue;
    const item = element(legend, "li");
    if (kind !== "end") element(item, "span", "key " + kind);
    item.append(text);
  }

  function draw() {
    for (const view of views) {
      const { decode } = view, over = step >= decode.steps.length;
      const state = view.states[Math.min(step, decode.steps.length - 1)];
      const total = decode.steps.length;
      view.title.textContent = decode.title + " · " + (over ? `done after ${total} steps` : `step ${step + 1} of ${total}`);
      state.forEach(([text, kind, number, strength, confidence], place) => {
        const cell = view.cells[place];
        const room = view.rooms[place];
        cell.textContent = text.length > room ? text.slice(0, room - 1) + "…" : text;
        cell.className = "cell " + (over ? "before" : kind);
        if (number && !over) cell.dataset.number = number;
        else delete cell.dataset.number;
        const told = over || confidence === undefined ? "" : `, confidence ${confidence.toFixed(2)}`;
        cell.title = `${text} at position ${place + 1}${told}` + (strength && !over ? `, support ${strength.toFixed(2)} of the strongest` : "");
      });
      view.words.replaceChildren();
      for (const line of over ? [decode.outcome] : decode.steps[step].words) element(view.words, "li", "", line);
      connect(view, over ? [] : state);
    }
    slider.value = step + 1;
    counter.textContent = `step ${step + 1} of ${count}`;
  }

  // Curves from what is supported to its anchor, as the cells lie now.
  function connect(view, state) {
    view.lines.replaceChildren();
    const top = (place) => {
      const cell = view.cells[place];
      return [cell.offsetLeft + cell.offsetWidth / 2, cell.offsetTop];
    };
    const anchors = {};
    state.forEach(([, kind, number], place) => { if (kind === "axon" && number) anchors[number] = place; });
    state.forEach(([, kind, number, strength], place) => {
      if (kind !== "supported" || anchors[number] === undefined) return;
      const [x, y] = top(place), [toX, toY] = top(anchors[number]);
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      const by = y === toY ? y - 30 : (y + toY) / 2 - 18;
      path.setAttribute("d", `M${x} ${y}Q${(x + toX) / 2} ${by} ${toX} ${toY}`);
      path.setAttribute("stroke-width", 0.6 + 2.2 * strength);
      path.setAttribute("stroke-opacity", 0.25 + 0.6 * strength);
      view.lines.append(path);
    });
  }

  function moveTo(next) {
    step = Math.min(Math.max(0, next), count - 1);
    if (step === count - 1) stop();
    draw();
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "play");
  }

  function toggle() {
    if (timer !== null) return stop();
    if (step === count - 1) moveTo(0);
    timer = setInterval(() => moveTo(step + 1), PACE);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "pause");
  }

  keys.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === " " && event.target.tagName === "BUTTON") return; // presses it
    const acts = {
      ArrowRight: () => moveTo(step + 1), ArrowDown: () => moveTo(step + 1), ArrowLeft: () => moveTo(step - 1),
      ArrowUp: () => moveTo(step - 1), Home: () => moveTo(0), End: () => moveTo(count - 1), " ": toggle,
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });
  if (window.ResizeObserver) new ResizeObserver(draw).observe(sides);
  draw();
  return moveTo;
}
