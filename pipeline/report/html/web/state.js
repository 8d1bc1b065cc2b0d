"use strict";
document.documentElement.classList.add("js");

// What the reader has chosen, kept in the address after the #, so that a view can be sent to somebody:
// #hide=decoder:dawn&hide=gate:always&cost=flops&point=0-12&mixes=off
const view = { hidden: new Map(), cost: "", point: "", mixes: true, listeners: [] };

view.read = () => {
  const given = new URLSearchParams(location.hash.slice(1));
  view.hidden = new Map();
  for (const word of given.getAll("hide")) {
    const end = word.indexOf(":");
    if (end > 0) view.hide(word.slice(0, end), word.slice(end + 1), true);
  }
  view.cost = given.get("cost") ?? "";
  view.point = given.get("point") ?? "";
  view.mixes = given.get("mixes") !== "off";
};

view.hide = (axis, value, hidden) => {
  if (!view.hidden.has(axis)) view.hidden.set(axis, new Set());
  view.hidden.get(axis)[hidden ? "add" : "delete"](value);
};

view.hides = (axis, value) => Boolean(view.hidden.get(axis)?.has(value));

view.change = () => {
  const words = new URLSearchParams();
  view.hidden.forEach((values, axis) => values.forEach((value) => words.append("hide", axis + ":" + value)));
  if (view.cost) words.set("cost", view.cost);
  if (view.point) words.set("point", view.point);
  if (!view.mixes) words.set("mixes", "off");
  try {
    history.replaceState(null, "", "#" + words);
  } catch (error) { /* in a frame that has no address of its own */ }
  view.tell();
};

view.tell = () => view.listeners.forEach((listener) => listener());

window.addEventListener("hashchange", () => {
  if (document.getElementById(location.hash.slice(1))) return;  // a place on the page
  view.read();
  view.tell();
});
