// The order of search results: a chapter whose title is asked for comes before what only mentions it.
// (The numbers are Sphinx's own.)
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: {0: 15, 1: 5, 2: -5},
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
  score: ([docname, title, anchor, description, score]) => {
    const words = text => text.toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
    const asked = words(new URLSearchParams(location.search).get("q") ?? "");
    const said = words(title.includes(" > ") ? "" : title.replace(/^\d+\s/, ""));
    if (!asked || description !== null) return score;
    if (said === asked || said === `the ${asked}`) return score + 300;
    return ` ${said} `.includes(` ${asked} `) ? score + 150 : score;
  },
};
