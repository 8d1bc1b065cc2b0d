// Parallel coordinates: a line per setting through its knobs, its NFE and its quality, coloured by quality.
const WIDE = 1000, TALL = 300, TOP = 34, BOTTOM = 18, SIDE = 70, LINES = 1000;

function makeKnobs(facet, data, card) {
  const part = facet.querySelector(".knobs"), rows = data.rows.filter((row) => row.quality[0] !== null);
  if (!data.knobs.length || rows.length < 3) return () => {};
  part.hidden = false;
  const scales = [
    ...data.knobs.map((name, place) => scaleOf(name, rows.map((row) => row.knobs[place]))),
    scaleOf(data.costs[0].name, rows.map((row) => row.costs[data.costs[0].column][0]), 3),
    scaleOf("quality", rows.map((row) => row.quality[0]), 3),
  ];
  const across = (place) => SIDE + (place * (WIDE - 2 * SIDE)) / (scales.length - 1);
  const qualities = rows.map((row) => row.quality[0]), low = Math.min(...qualities), high = Math.max(...qualities);
  part.querySelector(".low").textContent = low.toFixed(3);
  part.querySelector(".high").textContent = high.toFixed(3);
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "group", "aria-label": "Parallel coordinates of the settings" });
  const best = [...rows].sort((a, b) => a.quality[0] - b.quality[0]);  // the best are drawn last, on top
  fewer(best).forEach((row) => svg.append(lineOf(row)));
  scales.forEach((scale, place) => svg.append(...axisOf(scale, across(place), place)));
  part.querySelector(".lines").replaceChildren(svg);

  function fewer(sorted) {  // where a browser would take seconds: the fronts, and of the others so many, evenly by quality
    const every = Math.ceil(sorted.length / LINES);
    if (every === 1) return sorted;
    const fronts = new Set(data.groups.flatMap((group) => onFront(sorted.filter((row) => row.group === group.name), data.costs[0].column)));
    return sorted.filter((row, at) => at % every === 0 || fronts.has(row));
  }

  function lineOf(row) {
    const values = [...row.knobs, row.costs[data.costs[0].column][0], row.quality[0]];
    const path = values.map((value, place) => `${place ? "L" : "M"}${across(place).toFixed(1)} ${scales[place].at(value).toFixed(1)}`).join("");
    const share = high > low ? (row.quality[0] - low) / (high - low) : 1;
    const name = `${row.group} ${row.label}: quality ${figures(row.quality, 3)}, NFE ${figures(row.costs[data.costs[0].column])}`;
    const group = shape("g", { class: "setting", "data-points": row.points.join(" "), tabindex: 0, role: "button", "aria-label": name });
    const title = shape("title");
    title.textContent = name;
    group.append(title, shape("path", { class: "line", d: path, style: `stroke: color-mix(in oklab, var(--high) ${(share * 100).toFixed(0)}%, var(--low))` }), shape("path", { class: "hit", d: path }));
    group.addEventListener("click", () => card.keep(row));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      card.keep(row);
    });
    return group;
  }
}

function shape(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

// Numbers on a line, anything else evenly spaced; what a setting doesn't have lies below the rest.
function scaleOf(name, values, digits = 4) {
  const known = [...new Set(values.filter((value) => value !== null))], lacking = values.includes(null);
  const numbers = known.every((value) => typeof value === "number");
  known.sort(numbers ? (a, b) => a - b : undefined);
  const floor = TALL - BOTTOM - (lacking ? 30 : 0), ends = [known[0], known.at(-1)];
  const share = (value) => (known.length < 2 ? 0.5 : numbers ? (value - ends[0]) / (ends[1] - ends[0]) : known.indexOf(value) / (known.length - 1));
  const at = (value) => (value === null ? TALL - BOTTOM : floor - share(value) * (floor - TOP));
  const told = numbers && known.length > 7 ? ends : known.filter((value, place) => known.length <= 12 || place % Math.ceil(known.length / 12) === 0);
  return { name, at, digits, ticks: [...told, ...(lacking ? [null] : [])] };
}

function axisOf(scale, x, place) {
  const write = (value) => (value === null ? "–" : typeof value === "number" ? String(Number(value.toPrecision(scale.digits))) : value);
  const text = (kind, y, words, left) => {
    const made = shape("text", { class: kind, x, y, "text-anchor": kind === "name" ? "middle" : "end", dx: kind === "name" ? 0 : -6 });
    made.textContent = words.length > 18 ? words.slice(0, 17) + "…" : words;
    return made;
  };
  let free = Infinity;
  const ticks = scale.ticks.flatMap((value) => {
    const y = scale.at(value);
    if (value !== null && free - y < 12) return [];
    if (value !== null) free = y;
    return [text("tick", y + 4, write(value))];
  });
  return [shape("line", { class: "axis", x1: x, x2: x, y1: TOP, y2: TALL - BOTTOM }), text("name", place % 2 ? 12 : 24, scale.name), ...ticks];
}
