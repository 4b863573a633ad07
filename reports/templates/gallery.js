// The gallery of finds: filters, search, order, links and copying. Everything can be read without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (id) => document.getElementById(id);
  const said = one("copied");

  // Copying: the clipboard where the browser lets us, else the text is selected for Ctrl+C.
  const select = (element) => {
    const range = document.createRange();
    range.selectNodeContents(element);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  };
  for (const button of all("button.copy")) {
    button.hidden = false;
    const label = button.textContent;
    button.addEventListener("click", async () => {
      const source = one(button.dataset.copy);
      let done = true;
      try {
        await navigator.clipboard.writeText(source.textContent);
      } catch {
        select(source);
        try { done = document.execCommand("copy"); } catch { done = false; }
      }
      button.textContent = done ? "Copied" : "Selected: press Ctrl+C";
      if (said) said.textContent = button.textContent;
      setTimeout(() => { button.textContent = label; if (said) said.textContent = ""; }, 2000);
    });
  }

  const gallery = one("gallery");
  if (!gallery) return;
  const cards = all("article", gallery);
  const texts = new Map(cards.map((card) =>
    [card, all("h3, [data-search]", card).map((e) => e.textContent).join("\n").toLowerCase()]));
  const search = one("find-text"), order = one("find-order"), tally = one("find-tally"), reset = one("find-reset");
  const filters = all("select[data-filter]");
  one("find-text").closest(".tools").hidden = false;

  const ordered = () => {
    const down = order.value.startsWith("-"), name = order.value.replace("-", "");
    if (!name) return cards;
    const value = (card) => Number(card.dataset[name] ?? Infinity);
    return [...cards].sort((a, b) => (down ? value(b) - value(a) : value(a) - value(b)));
  };
  const matches = (card) =>
    filters.every((f) => !f.value || card.dataset[f.dataset.filter] === f.value) &&
    search.value.toLowerCase().split(/\s+/).every((word) => texts.get(card).includes(word));

  let sorted = order.value;
  const show = () => {
    if (sorted !== order.value) gallery.append(...ordered());
    sorted = order.value;
    let shown = 0;
    for (const card of cards) {
      card.hidden = !matches(card);
      shown += card.hidden ? 0 : 1;
    }
    tally.textContent = shown === cards.length ? `${shown} shown` : `${shown} of ${cards.length} shown`;
    reset.hidden = shown === cards.length && !order.value;
  };

  // What is chosen stands in the address, so that it can be sent on; `#find-…` is the link to one find.
  const controls = [["q", search], ["order", order], ...filters.map((f) => [f.dataset.filter, f])];
  const write = () => {
    const chosen = new URLSearchParams(controls.filter(([, c]) => c.value).map(([name, c]) => [name, c.value]));
    history.replaceState(null, "", String(chosen) ? `#${chosen}` : "#finds");
  };
  const clear = () => { for (const [, control] of controls) control.value = ""; };
  const read = () => {
    const fragment = location.hash.slice(1);
    const card = fragment.startsWith("find-") && one(fragment);
    if (card && texts.has(card)) {
      if (card.hidden) { clear(); show(); }
      card.scrollIntoView();
      card.focus({ preventScroll: true });
    } else if (fragment.includes("=")) {
      const chosen = new URLSearchParams(fragment);
      clear();
      for (const [name, control] of controls) {
        control.value = chosen.get(name) ?? "";
        if (control.selectedIndex === -1) control.value = "";
      }
      show();
      one("finds").scrollIntoView();
    }
  };
  for (const [, control] of controls) control.addEventListener("input", () => { show(); write(); });
  reset.addEventListener("click", () => { clear(); show(); write(); search.focus(); });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
    }
  });
  addEventListener("hashchange", read);
  show();
  read();
})();
