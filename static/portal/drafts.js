// What was typed outlives the end of a session: into the request form, and into every form that asks for more than a few
// words, such as why something is denied. It waits in the tab while somebody signs in again. It never leaves the tab, and
// is gone with the next page that the person sees signed in, and when they sign out.
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

  // The other forms: what their boxes hold, by where each is sent. A request's own form of a verb that came back with a
  // problem has the verb's address, where nothing is to be seen.
  const WORDS = "textarea, select, input:not([type=hidden], [type=password], [type=file], [type=checkbox], [type=radio])";
  const person = () => document.querySelector(".whoami")?.dataset.person;
  const place = here.replace(/^(\/requests\/TR-[0-9]+\/)[a-z-]+\/$/, "$1");
  const others = () => [...document.querySelectorAll("main form[method=post]:not(#request-form)")].filter((form) => form.querySelector("textarea"));
  const boxesOf = (form) => [...form.querySelectorAll(WORDS)].filter((box) => box.name);
  const sentTo = (form) => form.getAttribute("action") ?? place;
  const touched = new Set();

  function take() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(NAME));
      sessionStorage.removeItem(NAME);
      return kept;
    } catch { return null; }
  }
  const store = (draft) => {
    try { sessionStorage.setItem(NAME, JSON.stringify(draft)); } catch { /* no room, or not allowed: nothing is kept */ }
  };
  function keep() {
    const form = formHere();
    const typed = others().filter((other) => touched.has(other));
    if (typed.length) {
      const values = (other) => Object.fromEntries(boxesOf(other).map((box) => [box.name, box.value]));
      store({ who: person(), where: place, forms: Object.fromEntries(typed.map((other) => [sentTo(other), values(other)])) });
    }
    if (!dirty || !form) return;
    const account = form.querySelector("[name=sub_account]").selectedOptions[0];
    store({
      who: person(),
      where: here,
      kind: kindOf(form),
      account: account?.text ?? "",
      plain: Object.fromEntries(plain(form).map((field) => [field.name, field.value])),
      lines: linesOf(form).map((line) => Object.fromEntries(fieldsOf(line).map((field) => [suffix(field), field.value]))),
    });
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

  // A form that was sent may well lead back to its own page: only what has met the sign-in page was not.
  function restoreOthers(draft) {
    const back = others().filter((form) => draft.forms[sentTo(form)]);
    back.forEach((form) => {
      const values = draft.forms[sentTo(form)];
      boxesOf(form).filter((box) => values[box.name]).forEach((box) => put(box, values[box.name], "input", "change"));
      form.closest("details")?.setAttribute("open", "");
      touched.add(form);
    });
    if (!back.length) return;
    const said = Object.assign(document.createElement("p"), { id: "draft-restored", className: "notice notice-info" });
    said.setAttribute("role", "status");
    said.textContent = "What you had typed is here again. Nothing of it was sent.";
    document.querySelector("main > .container-xl").prepend(said);
  }

  function start() {
    if (location.pathname === "/accounts/login/") {
      const kept = take();
      if (kept) store({ ...kept, met: true });
    }
    if (!person() || document.querySelector(".error-page")) return;
    const kept = take();
    const mine = kept?.who === person();
    const form = formHere();
    if (document.getElementById("problems")) {
      dirty = Boolean(form);
      others().filter((other) => boxesOf(other).some((box) => box.matches("textarea") && box.value)).forEach((other) => touched.add(other));
    } else if (mine && kept.forms && kept.met && kept.where === place) restoreOthers(kept);
    else if (mine && form && kept.lines && kept.where === here) restore(kept);
  }
  ["input", "click"].forEach((name) => document.addEventListener(name, (event) => {
    if (!event.isTrusted) return;
    if (event.target.closest("#request-form")) dirty = true;
    else if (name === "input" && event.target.form) touched.add(event.target.form);
  }));
  document.addEventListener("submit", (event) => {
    if (new URL(event.target.action).pathname === "/accounts/logout/") { take(); dirty = false; touched.clear(); }
  });
  window.addEventListener("pagehide", keep);
  document.addEventListener("DOMContentLoaded", start);
})();
