// What was typed into the request form outlives the end of a session: it waits in the tab while somebody signs in again.
// It never leaves the tab, and is gone with the next page that the person sees signed in, and when they sign out.
(() => {
  "use strict";
  const NAME = "draft";
  const here = location.pathname + location.search;
  const formHere = () => document.getElementById("request-form");
  const linesOf = (form) => [...form.querySelectorAll("[data-line]")];
  const fieldsOf = (line) => [...line.querySelectorAll("[name^=lines-]")];
  const suffix = (field) => field.name.replace(/^lines-[0-9]+-/, "");
  const plain = (form) => [...form.elements].filter((field) => /^(master|sub_account|reason|ticket|not_before|version)$/.test(field.name));
  const kindOf = (form) => form.querySelector("[name=kind]:checked")?.value ?? "";
  let dirty = false;

  function take() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(NAME));
      sessionStorage.removeItem(NAME);
      return kept;
    } catch { return null; }
  }
  function keep() {
    const form = formHere();
    if (!dirty || !form) return;
    const account = form.querySelector("[name=sub_account]").selectedOptions[0];
    const draft = {
      who: form.dataset.person,
      where: here,
      kind: kindOf(form),
      account: account?.text ?? "",
      plain: Object.fromEntries(plain(form).map((field) => [field.name, field.value])),
      lines: linesOf(form).map((line) => Object.fromEntries(fieldsOf(line).map((field) => [suffix(field), field.value]))),
    };
    try { sessionStorage.setItem(NAME, JSON.stringify(draft)); } catch { /* no room, or not allowed: nothing is kept */ }
  }

  const put = (field, value, ...events) => {
    field.value = value;
    events.forEach((name) => field.dispatchEvent(new Event(name, { bubbles: true })));
  };
  function fill(draft) {
    const form = formHere();
    const kind = form.querySelector(`[name=kind][value="${CSS.escape(draft.kind)}"]`);
    if (kind) { kind.checked = true; kind.dispatchEvent(new Event("input", { bubbles: true })); }
    plain(form).filter((field) => !/^(master|version)$/.test(field.name)).forEach((field) => {
      const value = draft.plain[field.name] ?? "";
      const unlisted = field.name === "sub_account" && ![...field.options].some((option) => option.value === value);
      if (unlisted) field.add(new Option(draft.account, value));
      put(field, value, "change");
    });
    draft.lines.slice(linesOf(form).length).forEach(() => form.querySelector("[data-add-line]").click());
    linesOf(form).forEach((line, index) => {
      const typed = draft.lines[index] ?? {};
      fieldsOf(line).sort((a) => (suffix(a) === "trunk" ? -1 : 1)).forEach((field) => {
        if (suffix(field) in typed) put(field, typed[suffix(field)], "input");
      });
    });
    document.activeElement?.blur();
    document.getElementById("draft-restored").hidden = false;
  }
  function restore(draft) {
    const form = formHere();
    const value = (name) => form.querySelector(`[name=${name}]`)?.value;
    if (draft.plain.version !== value("version")) return;
    dirty = true;
    if (draft.plain.master === value("master")) { fill(draft); return; }
    // The trunks and sub accounts of another master account are the server's to offer.
    document.addEventListener("htmx:afterSettle", () => fill(draft), { once: true });
    put(form.querySelector("[name=master]"), draft.plain.master, "change");
  }

  function start() {
    if (!document.querySelector(".whoami") || document.querySelector(".error-page")) return;
    const kept = take();
    const form = formHere();
    if (!form) return;
    if (document.getElementById("problems")) dirty = true;
    else if (kept && kept.who === form.dataset.person && kept.where === here) restore(kept);
  }
  ["input", "click"].forEach((name) => document.addEventListener(name, (event) => {
    if (event.isTrusted && event.target.closest("#request-form")) dirty = true;
  }));
  document.addEventListener("submit", (event) => {
    if (new URL(event.target.action).pathname === "/accounts/logout/") { take(); dirty = false; }
  });
  window.addEventListener("pagehide", keep);
  document.addEventListener("DOMContentLoaded", start);
})();
