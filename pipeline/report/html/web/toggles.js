// The buttons of the axes, and which points of a facet they leave.
function makeToggles(bar) {
  const sets = [...bar.querySelectorAll("fieldset")], all = bar.querySelector(".all");
  for (const set of sets) {
    const axis = set.dataset.axis, buttons = [...set.querySelectorAll("button")];
    for (const button of buttons) {
      button.addEventListener("click", (event) => {
        if (event.shiftKey) buttons.forEach((other) => view.hide(axis, other.dataset.value, other !== button));
        else view.hide(axis, button.dataset.value, !view.hides(axis, button.dataset.value));
        view.change();
      });
    }
  }
  all.addEventListener("click", () => {
    view.hidden.clear();
    view.change();
  });
  view.listeners.push(() => {
    let some = false;
    for (const set of sets) {
      for (const button of set.querySelectorAll("button")) {
        const hidden = view.hides(set.dataset.axis, button.dataset.value);
        button.setAttribute("aria-pressed", !hidden);
        some ||= hidden;
      }
    }
    all.hidden = !some;
  });
}

// Everything in the facet with data-points="3 7" is hidden when none of its points is shown. Others may listen: the
// facet gets the event "shown", its detail the set of the points.
function makeShown(facet, data) {
  return () => {
    facet.classList.toggle("off", view.hides("task and model", facet.dataset.name));
    const hidden = data.axes.map((axis) => axis.values.map((value) => view.hides(axis.name, value)));
    const isShown = (point) => data.axes.every((axis, place) => axis.of[point] === null || !hidden[place][axis.of[point]]);
    const shown = new Set([...Array(data.count).keys()].filter(isShown));
    const fits = (points) => points.some((point) => shown.has(point));
    facet.querySelectorAll("[data-points]").forEach((part) =>
      part.classList.toggle("off", !fits(part.dataset.points.split(" ").map(Number))));
    facet.dispatchEvent(new CustomEvent("shown", { detail: shown }));
    return data.rows.filter((row) => fits(row.points));
  };
}
