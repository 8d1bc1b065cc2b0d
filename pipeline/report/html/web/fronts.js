// Fronts of the rows that are shown, and plotly's traces of them.
function onFront(rows, column) {  // by rising cost; equal points are all on it
  const known = rows.filter((row) => row.complete && row.quality[0] !== null && row.costs[column][0] !== null);
  const sorted = known.sort((a, b) => a.costs[column][0] - b.costs[column][0] || b.quality[0] - a.quality[0]);
  const front = [];
  for (const row of sorted) {
    const last = front.at(-1);
    const equal = last && last.quality[0] === row.quality[0] && last.costs[column][0] === row.costs[column][0];
    if (!last || row.quality[0] > last.quality[0] || equal) front.push(row);
  }
  return front;
}

function bestMixes(front, column) {  // the front's points that no mix of two others lies above
  const corners = [], x = (row) => row.costs[column][0], y = (row) => row.quality[0];
  const above = (a, b, c) => (y(c) - y(a)) * (x(b) - x(a)) >= (y(b) - y(a)) * (x(c) - x(a));
  for (const row of front) {
    while (corners.length > 1 && above(corners.at(-2), corners.at(-1), row)) corners.pop();
    corners.push(row);
  }
  return corners;
}

const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

// `4.95 [4.58, 5.33]`, thousands and more as 734M
function figures(interval, digits = 2) {
  const [unit, letter] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([size]) => interval[0] >= size) ?? [1, ""];
  const [value, lo, hi] = interval.map((own) => (own === null ? null : (own / unit).toFixed(digits)));
  return value === null ? "unknown" : value + letter + (lo === null ? "" : ` [${lo}, ${hi}]`);
}

function traces(data, place, shown, chosen) {
  const cost = data.costs[place], column = cost.column, found = [];
  for (const group of data.groups) {
    const members = shown.filter((row) => row.group === group.name);
    if (!members.length) continue;
    const whole = members.length === data.rows.filter((row) => row.group === group.name).length;
    const front = onFront(members, column), ahead = new Set(front);
    const behind = apart(members.filter((row) => !ahead.has(row)), place, cost);
    if (whole && cost.bands[group.name]) found.push(...band(cost.bands[group.name], group, data.band));
    if (view.mixes) found.push(dotted(bestMixes(front, column), cost, group));
    found.push(dots(behind, place, cost, group, 7), steps(front, cost, group), {
      ...dots(front, place, cost, group, 10), error_x: bars(front.map((row) => row.costs[column]), group.colour), error_y: bars(front.map((row) => row.quality), group.colour),
    });
  }
  if (chosen) {
    found.push({
      type: "scatter", mode: "markers", x: [chosen.costs[column][0]], y: [chosen.quality[0]], hoverinfo: "skip", showlegend: false,
      marker: { symbol: "circle-open", size: 20, line: { width: 2.5 }, color: paint("--link") },
    });
  }
  return found;
}

// Of many dots that nearly coincide the one that is most likely on the front: a browser draws 20,000 in seconds.
const DOTS = 2000, ACROSS = 150, UP = 100;
function apart(rows, place, cost) {
  if (rows.length <= DOTS) return rows;
  const cells = new Map(), likely = (row) => row.likely[place] ?? 0;
  for (const row of rows) {
    const x = Math.round((row.costs[cost.column][0] / cost.widest) * ACROSS);
    const y = Math.round(((row.quality[0] - cost.low) / Math.max(cost.high - cost.low, 0.1)) * UP);
    const cell = `${x} ${y}`, kept = cells.get(cell);
    if (!kept || likely(row) > likely(kept)) cells.set(cell, row);
  }
  return [...cells.values()];
}

function band(own, group, opacity) {
  const edge = { type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false, x: own.x, line: { shape: "hv", width: 0, color: group.colour } };
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(group.colour.slice(start, start + 2), 16));
  return [{ ...edge, y: own.lo }, { ...edge, y: own.hi, fill: "tonexty", fillcolor: `rgba(${red},${green},${blue},${opacity})` }];
}

function dots(rows, place, cost, group, size) {
  const hover = (row) => [
    `<b>${plain(row.group)}</b>`, plain(row.label), "quality " + figures(row.quality, 3),
    plain(cost.name) + " " + figures(row.costs[cost.column]), ...(row.complete ? [] : row.notes.slice(-1).map((own) => own.join(" "))),
  ].join("<br>");
  return {
    type: "scatter", mode: "markers", name: plain(group.name), showlegend: false, hovertemplate: "%{hovertext}<extra></extra>",
    x: rows.map((row) => row.costs[cost.column][0]), y: rows.map((row) => row.quality[0]),
    customdata: rows.map((row) => row.points[0]), hovertext: rows.map(hover),
    marker: { color: group.colour, symbol: rows.map((row) => group.symbol.replace("-open", "") + (row.complete && !group.symbol.endsWith("-open") ? "" : "-open")), size, opacity: rows.map((row) => 0.3 + 0.7 * (row.likely[place] ?? 0)) },
  };
}

function line(rows, cost, group, style) {  // to the right end of the figure
  const x = rows.map((row) => row.costs[cost.column][0]), y = rows.map((row) => row.quality[0]);
  if (x.length) (x.push(cost.widest), y.push(y.at(-1)));
  return { type: "scatter", mode: "lines", name: plain(group.name), showlegend: false, hoverinfo: "skip", x, y, line: { color: group.colour, ...style } };
}

const steps = (front, cost, group) => line(front, cost, group, { shape: "hv", dash: group.dash, width: 2 });
const dotted = (corners, cost, group) => line(corners, cost, group, { dash: "dot", width: 1 });

function bars(intervals, color) {
  const reach = (end) => intervals.map((own) => (own[end] === null ? 0 : Math.abs(own[end] - own[0])));
  return { type: "data", symmetric: false, array: reach(2), arrayminus: reach(1), color, thickness: 1, width: 0 };
}
