// The lines of the request form. Conveniences only: the form works without this file, and the server decides everything.
(() => {
  "use strict";
  const each = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);
  const linesOf = (section) => [...section.querySelectorAll("[data-line]")];
  const part = (line, name) => line.querySelector(`[name$="-${name}"]`);
  const prefixOf = (line) => part(line, "trunk").selectedOptions[0]?.dataset.prefix ?? "";

  const kind = () => document.querySelector("[name=kind]:checked")?.value ?? "assign";
  const presentOf = (dnis) => [...document.querySelectorAll("[data-present]")].find((row) => row.dataset.present === dnis);
  const firstBox = (line) => part(line, { assign: "trunk", unassign: "dnis", change: "current_dnis" }[kind()]);
  const trimmed = (box) => box.value.trim();

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
    line.dataset.copied = part(line, "trunk").value;
    trunkChosen(line);
    renumber(section);
    firstBox(line).focus();
    return line;
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
    const untouched = box.value === "" || box.value === line.dataset.prefix;
    if (untouched) { box.value = kind() === "unassign" ? "" : prefixOf(line); delete line.dataset.typed; }
    line.dataset.prefix = prefixOf(line);
    preview(line);
  }

  // A prefix alone can be a DNIS. One that nobody typed is not sent: left behind, it would be a trunk nobody asked for.
  function leaveOut(line, sent) {
    const box = part(line, "dnis");
    if (kind() === "unassign" || "typed" in line.dataset || box.value !== line.dataset.prefix) return;
    sent.set(box.name, "");
    const more = ["current_dnis", "outbound_caller_id"].some((name) => trimmed(part(line, name)));
    if (!more && part(line, "trunk").value === line.dataset.copied) sent.set(part(line, "trunk").name, "");
  }

  // A removal is typed, never clicked; what Zoom last listed says whether it was typed right.
  function previewRemoval(line, hint, dnis) {
    const present = presentOf(dnis);
    if (present?.dataset.trunk) part(line, "trunk").value = present.dataset.trunk;
    hint.className = present ? "form-hint preview-good" : "form-hint";
    if (present) hint.textContent = `Zoom lists it, caller ID ${present.dataset.callerId || "none or not shown"}.`;
    else if (dnis.length >= 5 && document.querySelector("[data-present]")) hint.textContent = "Zoom did not list this DNIS for the sub account.";
    else hint.textContent = "Type the whole DNIS that is to be removed.";
  }

  function preview(line) {
    const hint = line.querySelector("[data-preview]");
    const dnis = trimmed(part(line, "dnis"));
    if (kind() === "unassign") { previewRemoval(line, hint, dnis); return; }
    const prefix = prefixOf(line);
    const { shortest, longest } = line.closest("[data-lines]").dataset;
    hint.replaceChildren();
    hint.className = "form-hint";
    if (!prefix) return;
    if (prefix.startsWith(dnis)) { hint.textContent = `Begins with ${prefix}, up to ${longest} digits.`; return; }
    const fits = dnis.startsWith(prefix);
    const whole = document.createElement("span");
    whole.className = "line-whole";
    if (fits) {
      const strong = document.createElement("strong");
      strong.textContent = prefix;
      whole.append(strong, dnis.slice(prefix.length));
    } else whole.textContent = dnis;
    const wrong = !fits ? `does not begin with ${prefix}`
      : !/^[0-9]+$/.test(dnis) ? "digits only"
      : dnis.length < shortest ? `${dnis.length} digits, at least ${shortest}`
      : dnis.length > longest ? `${dnis.length} digits, at most ${longest}` : "";
    hint.classList.add(wrong ? "preview-bad" : "preview-good");
    hint.append(whole, ` · ${wrong || `${dnis.length} digits`}`);
  }

  // The focus stays where it is, so that who does not see the page would hear nothing of what changed beside it.
  const tell = (words) => { document.getElementById("announcer").textContent = words; };
  function say(hint, words) { hint.textContent = words; tell(words); }

  async function proposeDnis(button) {
    const line = button.closest("[data-line]");
    const section = button.closest("[data-lines]");
    const hint = line.querySelector("[data-preview]");
    const trunk = part(line, "trunk").value;
    if (!trunk) { say(hint, "Choose the trunk first."); part(line, "trunk").focus(); return; }
    const besides = linesOf(section).filter((other) => other !== line).map((other) => part(other, "dnis").value);
    const query = new URLSearchParams({ trunk, besides: besides.join(",") });
    const answer = await fetch(`${section.dataset.nextDnisUrl}?${query}`, { headers: { Accept: "application/json" } })
      .then((response) => (response.ok ? response.json() : {}), () => ({}));
    if (answer.dnis) { part(line, "dnis").value = answer.dnis; line.dataset.typed = ""; preview(line); tell(`DNIS ${answer.dnis}`); }
    else say(hint, answer.reason || "The portal could not be asked. Try again.");
  }

  // --- unassign and change: what the sub account has ---------------------------------------------------------
  function presentChosen(line) {
    const present = presentOf(trimmed(part(line, "current_dnis")));
    if (!present) return;
    const fill = (name, value) => { if (!part(line, name).value || part(line, name).value === line.dataset.prefix) part(line, name).value = value; };
    if (present.dataset.trunk && !part(line, "trunk").value) part(line, "trunk").value = present.dataset.trunk;
    fill("outbound_caller_id", present.dataset.callerId);
    fill("dnis", present.dataset.present);
    line.dataset.typed = "";
    line.dataset.prefix = prefixOf(line);
    preview(line);
  }

  function pick(button) {
    const section = button.closest("[data-lines]");
    const dnis = button.closest("[data-present]").dataset.present;
    const lines = linesOf(section);
    const same = lines.find((line) => trimmed(part(line, "current_dnis")) === dnis);
    const empty = lines.find((line) => part(line, "current_dnis").value === "");
    const line = same ?? empty ?? (lines.length < Number(section.dataset.most) ? addLine(section) : undefined);
    if (!line) return;
    part(line, "current_dnis").value = dnis;
    presentChosen(line);
    part(line, "dnis").focus();
    part(line, "dnis").select();
  }

  function kindChosen(section) {
    linesOf(section).forEach((line) => trunkChosen(line));
  }

  function startLines() {
    each("[data-lines]", (section) => {
      each(".line-spare", (line) => line.remove(), section);
      linesOf(section).forEach((line) => {
        line.dataset.prefix = prefixOf(line);
        if (part(line, "dnis").value) line.dataset.typed = "";
        preview(line);
      });
      renumber(section);
    });
  }
  document.addEventListener("click", (event) => {
    const add = event.target.closest("[data-add-line]");
    const remove = event.target.closest("[data-remove-line]");
    const propose = event.target.closest("[data-next-dnis]");
    const chosen = event.target.closest("[data-pick]");
    if (add) addLine(add.closest("[data-lines]"));
    if (remove) removeLine(remove);
    if (propose) proposeDnis(propose);
    if (chosen) pick(chosen);
  });
  document.addEventListener("input", (event) => {
    const line = event.target.closest("[data-line]");
    if (line && event.target.name.endsWith("-dnis")) {
      if (event.isTrusted) line.dataset.typed = ""; // a draft that is put back tells of nobody's typing
      preview(line);
    }
    if (line && event.target.name.endsWith("-trunk")) trunkChosen(line);
    if (line && event.target.name.endsWith("-current_dnis")) presentChosen(line);
    if (event.target.name === "kind") each("[data-lines]", kindChosen);
  });
  document.addEventListener("change", (event) => {
    const line = event.target.name?.endsWith("-dnis") && event.target.closest("[data-line]");
    const bad = line && line.querySelector(".preview-bad");
    if (bad) tell(bad.textContent);
  });
  // Not where the form is only drawn again for another master account: there every line stays.
  let submitting = false;
  document.addEventListener("submit", () => { submitting = true; });
  document.addEventListener("formdata", (event) => {
    if (submitting) each("[data-line]", (line) => leaveOut(line, event.formData), event.target);
    submitting = false;
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "request-form") startLines();
    else if (event.detail.target?.id === "present") each("[data-line]", preview);
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startLines);
  else startLines();
})();
