// The interactive figure of a facet; its still picture stays where it can't be drawn.
const FONT = 'system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
const CONFIG = { displaylogo: false, responsive: true, modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]] };
const paint = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function layoutOf(cost, scored) {
  const room = 0.06 * Math.max(cost.high - cost.low, 0.1), ink = paint("--ink");
  const axis = { gridcolor: paint("--line"), linecolor: paint("--line"), zeroline: false };
  const bare = { text: "no scored example", xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, font: { size: 14, color: paint("--soft") } };
  return {
    annotations: scored ? [] : [bare],
    font: { family: FONT, size: 13, color: ink }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 62, r: 16, t: 12, b: 52 }, showlegend: false, hovermode: "closest", uirevision: cost.column,
    xaxis: { ...axis, title: { text: cost.axis }, range: [0, cost.widest], exponentformat: "SI" },
    yaxis: { ...axis, title: { text: "Quality: mean score" }, range: [cost.low - room, cost.high + room], tickformat: ".2f" },
    hoverlabel: { align: "left", namelength: -1, bgcolor: paint("--wash"), bordercolor: paint("--line"), font: { family: FONT, size: 13, color: ink } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: paint("--soft"), activecolor: ink },
  };
}

function makeFigure(facet, data, card) {
  const place = facet.querySelector(".interactive"), picture = facet.querySelector(".picture");
  const axes = [...facet.querySelectorAll(".axes button")];
  const mixes = facet.querySelector(".mixes");
  const scored = data.rows.some((row) => row.quality[0] !== null);
  let shown = data.rows, at = 0;
  const ofPoint = (point) => data.rows.find((row) => row.points.includes(point));

  function draw(rows = shown) {
    shown = rows;
    at = Math.max(0, data.costs.findIndex((cost) => cost.column === view.cost));
    axes.forEach((button, own) => button.setAttribute("aria-pressed", own === at));
    mixes.checked = view.mixes;
    const kept = card.row();
    return Plotly.react(place, traces(data, at, shown, shown.includes(kept) ? kept : null), layoutOf(data.costs[at], scored), CONFIG);
  }

  try {
    place.hidden = false;
    draw();
    picture.hidden = true;
  } catch (error) {
    place.hidden = true;
    picture.hidden = false;
    return () => {};
  }
  axes.forEach((button, own) => button.addEventListener("click", () => {
    view.cost = own ? data.costs[own].column : "";
    view.change();
  }));
  mixes.addEventListener("change", () => {
    view.mixes = mixes.checked;
    view.change();
  });
  place.on("plotly_hover", (event) => {  // drawing anew repeats the last one, even after the pointer has left
    if (place.matches(":hover")) card.show(ofPoint(event.points[0].customdata));
  });
  place.on("plotly_unhover", () => card.show(null));
  place.on("plotly_click", (event) => card.keep(ofPoint(event.points[0].customdata)));
  place.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step) return event.key === "Escape" ? card.keep(null) : undefined;
    event.preventDefault();
    const column = data.costs[at].column;
    const order = [...shown].sort((a, b) => a.costs[column][0] - b.costs[column][0] || a.quality[0] - b.quality[0]);
    const now = order.indexOf(card.row());
    if (order.length) card.keep(order[now < 0 ? (step > 0 ? 0 : order.length - 1) : (now + step + order.length) % order.length]);
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());
  return draw;
}
