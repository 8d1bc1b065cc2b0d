// Links to a facet's sections, as the page is long.
function listSections(facet) {
  const headings = [...facet.querySelectorAll("h3")].filter((heading) => !heading.closest("[hidden]"));
  if (headings.length < 4) return;
  headings.forEach((heading, place) => {
    const link = element("a", heading.textContent);
    heading.id = `${facet.id}-${place}`;
    heading.tabIndex = -1;
    link.href = "#" + heading.id;
    facet.querySelector(".sections").append(link);
  });
}
