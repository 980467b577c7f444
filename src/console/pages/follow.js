// Keeps a page fresh without losing what somebody types: the content is fetched anew and put in place while nothing in
// it has the focus. Without scripts every page works the same, after a reload.
"use strict";
const main = document.getElementById("main");
const seconds = Number(main.dataset.follow);
function busy() {
  const inside = main.contains(document.activeElement) && document.activeElement !== main;
  // What was typed or chosen and not yet sent stays.
  const typed = [...main.querySelectorAll("input:not([type=hidden])")].some((one) => one.value !== one.defaultValue);
  const chosen = [...main.querySelectorAll("option")].some((one) => one.selected !== one.defaultSelected);
  return inside || typed || chosen;
}
async function follow() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { "X-Follow": "1" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("main");
      // A sign-in that ended is worth losing the focus.
      const ended = main.dataset.follow !== next.dataset.follow;
      if (ended) { location.reload(); return; }
      // Asked behind the answer: somebody may have begun to type meanwhile.
      if (!busy()) { main.innerHTML = next.innerHTML; }
    } catch { /* the daemon restarts; try again */ }
  }
  setTimeout(follow, seconds * 1000);
}
if (seconds > 0) { setTimeout(follow, seconds * 1000); }
