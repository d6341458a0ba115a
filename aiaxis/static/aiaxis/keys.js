// One-key shortcuts. templates/components/shortcuts.html lists them for people, and a test holds the list to this script.
// They can be turned off in the account page, because a speech user's words would press them.
"use strict";

(() => {
  const typing = (element) => element?.closest("input, textarea, select, [contenteditable]");
  const isOn = () => localStorage.getItem("aiaxis.shortcuts") !== "off";

  function search(event) {
    const box = document.querySelector("[data-search-box]");
    const page = document.body.dataset.search;
    if (!box && !page) return;
    event.preventDefault();
    if (box) box.focus();
    else location.assign(page);
  }

  function moveInList(event) {
    const list = event.target.closest("[data-rows]");
    if (!list) return;
    const rows = [...list.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
    const here = rows.findIndex((row) => row === event.target || row.closest("tr, li")?.contains(event.target));
    const last = rows.length - 1;
    const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
    if (next === undefined || next < 0 || next > last) return;
    event.preventDefault();
    rows[next].focus();
    rows[next].scrollIntoView({ block: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      const stop = document.querySelector("[data-stop]:not([hidden])");
      if (stop && !document.querySelector(":popover-open")) stop.click();
      return;
    }
    if (typing(event.target)) return;
    if (event.key.startsWith("Arrow") || event.key === "Home" || event.key === "End") return moveInList(event);
    if (!isOn()) return;
    if (event.key === "/") return search(event);
    const target = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
    if (target) {
      event.preventDefault();
      target.click();
    }
  });
})();
