// Runs before the first paint, so that a dark page never flashes light.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("theme") || "auto"; } catch { return "auto"; }
  };
  const apply = () => {
    const theme = chosen();
    const dark = theme === "dark" || (theme === "auto" && system.matches);
    document.documentElement.setAttribute("data-bs-theme", dark ? "dark" : "light");
  };
  window.portalTheme = {
    chosen,
    choose(theme) {
      try { localStorage.setItem("theme", theme); } catch { /* private mode: it lasts for this page */ }
      document.documentElement.setAttribute("data-bs-theme", theme === "auto" ? (system.matches ? "dark" : "light") : theme);
    },
  };
  document.documentElement.classList.add("js");
  system.addEventListener("change", apply);
  apply();
})();
