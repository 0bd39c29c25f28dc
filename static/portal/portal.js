// Conveniences only: every form works without this file, and the server decides everything.
(() => {
  "use strict";
  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  // --- the menu of narrow windows, appearance, time zone -----------------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".navbar-toggler");
    if (!button) return;
    const shown = document.getElementById(button.getAttribute("aria-controls")).classList.toggle("show");
    button.setAttribute("aria-expanded", String(shown));
  });
  function showTheme() {
    each("[data-theme-switch]", (group) => {
      group.hidden = false;
      each("button", (button) => button.setAttribute("aria-pressed", String(button.dataset.appearance === portalTheme.chosen())), group);
    });
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-switch] button");
    if (!button) return;
    portalTheme.choose(button.dataset.appearance);
    showTheme();
  });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax`;

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

  const rowsOf = (all) => [...all.form.querySelectorAll("[name=chosen]")];
  document.addEventListener("change", (event) => {
    const all = event.target.form?.querySelector("[data-choose-all]");
    if (!all) return;
    if (event.target === all) rowsOf(all).forEach((box) => { box.checked = all.checked; });
    const ticked = rowsOf(all).filter((box) => box.checked).length;
    all.checked = ticked === rowsOf(all).length;
    all.indeterminate = ticked > 0 && !all.checked;
  });

  // --- what htmx swaps ---------------------------------------------------------------------------------------
  // Typed text is never swapped away: the panel then says that it is out of date instead.
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const old = event.detail.target;
    const typed = [...old.querySelectorAll("textarea")].some((box) => box.value !== box.defaultValue);
    if (old.id !== "actions" || !(typed || old.contains(document.activeElement))) return;
    event.detail.shouldSwap = false;
    old.querySelector("[data-stale]").hidden = false;
  });
  let open = [];
  document.addEventListener("htmx:beforeSwap", () => {
    open = [...document.querySelectorAll("details[id][open]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSettle", () => {
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  });

  // What was asked for and not given is said above the page, in the portal's own words where it gave some; the page stays.
  const SILENT = ["The portal did not answer", "What you see may be old, and what you pressed may not have been done."];
  const asked = (event) => `${event.detail.requestConfig.verb} ${event.detail.requestConfig.path.split("?")[0]}`;
  function wordsOf(xhr) {
    const page = new DOMParser().parseFromString(xhr.responseText, "text/html");
    const said = [".error-page h1", ".error-page .page-lead"].map((place) => page.querySelector(place)?.textContent.trim());
    return said.every(Boolean) ? said : SILENT;
  }
  function tell(event) {
    const [what, why] = wordsOf(event.detail.xhr);
    each("[data-unread]", (place) => { place.textContent = place.dataset.unread; }, event.detail.target);
    let box = document.getElementById("unanswered");
    if (box?.dataset.what === what) return;  // a page that follows something asks every two seconds: said once
    box?.remove();
    box = document.createElement("div");
    box.id = "unanswered";
    box.className = "notice notice-error";
    box.setAttribute("role", "alert");
    Object.assign(box.dataset, { what, asked: asked(event) });
    const again = Object.assign(document.createElement("a"), { href: location.href, textContent: "Load the page again" });
    const text = document.createElement("span");
    text.append(Object.assign(document.createElement("strong"), { textContent: `${what}. ` }), `${why} `, again);
    box.append(text);
    document.querySelector("main > .container-xl")?.prepend(box);
  }
  document.addEventListener("htmx:responseError", tell);
  document.addEventListener("htmx:sendError", tell);
  document.addEventListener("htmx:afterRequest", (event) => {
    const box = document.getElementById("unanswered");
    if (event.detail.successful && box?.dataset.asked === asked(event)) box.remove();
  });
  // Such a button keeps the focus, which one that is disabled outright loses, and does nothing.
  document.addEventListener("click", (event) => {
    if (event.target.closest("button[aria-disabled=true]")) event.preventDefault();
  });

  // --- start -------------------------------------------------------------------------------------------------
  function start() {
    showTheme();
    document.getElementById("problems")?.focus();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
