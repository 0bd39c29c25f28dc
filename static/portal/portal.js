// Conveniences only: every form works without this file, and the server decides everything.
(() => {
  "use strict";
  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  // --- appearance, time zone ---------------------------------------------------------------------------------
  function showTheme() {
    each("[data-theme-switch]", (group) => {
      group.hidden = false;
      each("button", (button) => button.setAttribute("aria-pressed", String(button.dataset.theme === portalTheme.chosen())), group);
    });
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-switch] button");
    if (!button) return;
    portalTheme.choose(button.dataset.theme);
    showTheme();
  });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `tz=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

  // --- forms -------------------------------------------------------------------------------------------------
  // One click is one request. The button is enabled again when the page is shown from the history.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    setTimeout(() => each("button[type=submit], button:not([type])", (button) => { button.disabled = true; }, form), 0);
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) each("form[method=post] button[type=submit]", (button) => { button.disabled = false; });
  });
  document.addEventListener("click", (event) => {
    const pick = event.target.closest("[data-quick-pick]");
    if (!pick) return;
    const box = document.getElementById(pick.dataset.for);
    box.value = pick.dataset.quickPick;
    box.focus();
  });

  // --- start -------------------------------------------------------------------------------------------------
  function start() {
    showTheme();
    document.getElementById("problems")?.focus();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
