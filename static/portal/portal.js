// Conveniences only: every form works without this file, and the server decides everything.
(() => {
  "use strict";
  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  // --- appearance, time zone ---------------------------------------------------------------------------------
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

  // --- lines of the request form -----------------------------------------------------------------------------
  const linesOf = (section) => [...section.querySelectorAll("[data-line]")];
  const part = (line, name) => line.querySelector(`[name$="-${name}"]`);
  const prefixOf = (line) => part(line, "trunk").selectedOptions[0]?.dataset.prefix ?? "";

  function renumber(section) {
    const lines = linesOf(section);
    const most = Number(section.dataset.most);
    lines.forEach((line, index) => { line.querySelector("[data-line-number]").textContent = index + 1; });
    section.querySelector("[data-line-count]").textContent = `${lines.length} of ${most} lines`;
    section.querySelector("[data-add-line]").disabled = lines.length >= most;
    each("[data-remove-line]", (button) => { button.hidden = lines.length === 1; }, section);
  }

  function addLine(section) {
    const used = linesOf(section).map((line) => Number(part(line, "dnis").name.split("-")[1]));
    const next = String(Math.max(-1, ...used) + 1);
    const shell = document.createElement("div");
    shell.append(section.querySelector("[data-line-template]").content.cloneNode(true));
    shell.innerHTML = shell.innerHTML.replaceAll("lines-NEW-", `lines-${next}-`);
    const line = shell.firstElementChild;
    const before = linesOf(section).at(-1);
    if (before) part(line, "trunk").value = part(before, "trunk").value;
    section.querySelector("[data-line-list]").append(line);
    line.dataset.prefix = "";
    trunkChosen(line);
    renumber(section);
    part(line, "trunk").focus();
  }

  function removeLine(button) {
    const section = button.closest("[data-lines]");
    const lines = linesOf(section);
    const line = button.closest("[data-line]");
    const neighbour = lines[lines.indexOf(line) + 1] ?? lines[lines.indexOf(line) - 1];
    line.remove();
    renumber(section);
    part(neighbour, "dnis").focus();
  }

  // A typed DNIS stays; only the prefix that this function itself put in follows the trunk.
  function trunkChosen(line) {
    const box = part(line, "dnis");
    if (box.value === "" || box.value === line.dataset.prefix) box.value = prefixOf(line);
    line.dataset.prefix = prefixOf(line);
    preview(line);
  }

  function preview(line) {
    const hint = line.querySelector("[data-preview]");
    const dnis = part(line, "dnis").value.replace(/^ +| +$/g, "");
    const prefix = prefixOf(line);
    const { shortest, longest } = line.closest("[data-lines]").dataset;
    hint.replaceChildren();
    hint.className = "form-hint";
    if (!prefix) return;
    if (!dnis || dnis === prefix) { hint.textContent = `Begins with ${prefix}, up to ${longest} digits.`; return; }
    const fits = dnis.startsWith(prefix);
    const whole = document.createElement("span");
    whole.className = "line-whole";
    if (fits) {
      const strong = document.createElement("strong");
      strong.textContent = prefix;
      whole.append(strong, dnis.slice(prefix.length));
    } else whole.textContent = dnis;
    const good = fits && /^[0-9]+$/.test(dnis) && dnis.length >= shortest && dnis.length <= longest;
    hint.classList.add(good ? "preview-good" : "preview-bad");
    hint.append(whole, fits ? ` · ${dnis.length} of ${shortest} to ${longest} digits` : ` · does not begin with ${prefix}`);
  }

  async function proposeDnis(button) {
    const line = button.closest("[data-line]");
    const section = button.closest("[data-lines]");
    const hint = line.querySelector("[data-preview]");
    const trunk = part(line, "trunk").value;
    if (!trunk) { hint.textContent = "Choose the trunk first."; part(line, "trunk").focus(); return; }
    const besides = linesOf(section).filter((other) => other !== line).map((other) => part(other, "dnis").value);
    const query = new URLSearchParams({ trunk, besides: besides.join(",") });
    const answer = await fetch(`${section.dataset.nextDnisUrl}?${query}`, { headers: { Accept: "application/json" } })
      .then((response) => (response.ok ? response.json() : {}), () => ({}));
    if (answer.dnis) { part(line, "dnis").value = answer.dnis; preview(line); }
    else hint.textContent = answer.reason || "The portal could not be asked. Try again.";
  }

  function startLines() {
    each("[data-lines]", (section) => {
      each(".line-spare", (line) => line.remove(), section);
      linesOf(section).forEach((line) => { line.dataset.prefix = prefixOf(line); preview(line); });
      renumber(section);
    });
  }
  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add-line]");
    const remove = event.target.closest("[data-remove-line]");
    const propose = event.target.closest("[data-next-dnis]");
    if (add) addLine(add.closest("[data-lines]"));
    if (remove) removeLine(remove);
    if (propose) proposeDnis(propose);
  });
  document.addEventListener("input", (event) => {
    const line = event.target.closest("[data-line]");
    if (line && event.target.name.endsWith("-dnis")) preview(line);
    if (line && event.target.name.endsWith("-trunk")) trunkChosen(line);
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
    if (document.querySelector(".line-spare")) startLines();
  });

  // --- start -------------------------------------------------------------------------------------------------
  function start() {
    showTheme();
    startLines();
    document.getElementById("problems")?.focus();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
