// The way to the same page in the other language, in the bar at the top. Most pages begin with a link to it; that line goes.
(() => {
    const bar = document.querySelector(".right-buttons");
    if (!bar) return;
    const here = document.documentElement.lang, there = here === "ja" ? "en" : "ja";
    const root = new URL(`${path_to_root}./`, location.href);
    const page = location.href.split("#")[0].slice(root.href.length);
    const link = document.createElement("a");
    link.href = root.href + (there === "ja" ? "ja/" : "../") + page;
    link.textContent = there === "ja" ? "日本語" : "English";
    link.lang = link.hreflang = there;
    link.className = "language-switch";
    bar.prepend(link);
    const line = document.querySelector("main h1 + p > a:only-child");
    if (line?.textContent === link.textContent) line.parentElement.remove();
})();
