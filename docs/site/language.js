// Each page begins with a link to itself in the other language. With scripts it moves into the bar at the top.
(() => {
    const names = ["日本語", "English"];
    const first = document.querySelector("main h1 + p > a:only-child");
    const bar = document.querySelector(".right-buttons");
    if (!first || !bar || !names.includes(first.textContent)) return;
    const line = first.parentElement;
    first.className = "language-switch";
    first.hreflang = first.textContent === "English" ? "en" : "ja";
    first.lang = first.hreflang;
    bar.prepend(first);
    line.remove();
})();
