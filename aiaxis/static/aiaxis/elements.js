// Small things that every page may hold. Each adds to markup that already works without it.
"use strict";

(() => {
  const EXACT = new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit",
  });
  const DAY_ONLY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
  // So many checkboxes are more than one sees at a glance.
  const MANY = 12;
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function distance(moment) {
    const seconds = (Date.now() - moment.getTime()) / 1000;
    const size = Math.abs(seconds);
    if (size < 60) return seconds >= 0 ? "just now" : "in a moment";
    if (size >= 30 * 86400) return DAY_ONLY.format(moment);
    const [unit, length] = UNITS.find(([, each]) => size >= each);
    const count = Math.floor(size / length);
    const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
    return seconds >= 0 ? `${words} ago` : `in ${words}`;
  }

  // <relative-time><time datetime>: the distance in the text, the exact moment in the reader's zone in the title.
  class RelativeTime extends HTMLElement {
    connectedCallback() {
      this.time = this.querySelector("time");
      const moment = new Date(this.time?.dateTime ?? "");
      if (Number.isNaN(moment.getTime())) return;
      this.time.title = EXACT.format(moment);
      const draw = () => { this.time.textContent = distance(moment); };
      draw();
      this.timer = setInterval(draw, 30000);
    }

    disconnectedCallback() {
      clearInterval(this.timer);
    }
  }

  // What was done is said to those as well who do not see it. The place has to be there before its words come.
  function placeToSay() {
    let place = document.querySelector("[data-said]");
    if (!place) {
      place = document.createElement("p");
      place.className = "spoken";
      place.dataset.said = "";
      place.setAttribute("role", "status");
      (document.querySelector("main") ?? document.body).append(place);
    }
    return place;
  }

  // An element's text, without the buttons that scripts put into it.
  function wordsOf(element) {
    const buttons = [...element.querySelectorAll("copy-button")];
    for (const button of buttons) button.hidden = true;
    const words = element.innerText;
    for (const button of buttons) button.hidden = false;
    return words;
  }

  // <copy-button for="id">: copies that element's text, or that of the listing beside it; where the clipboard is closed to us, it
  // selects the text.
  class CopyButton extends HTMLElement {
    connectedCallback() {
      placeToSay();
      this.addEventListener("click", () => this.copy());
    }

    async copy() {
      const named = this.getAttribute("for");
      const source = named ? document.getElementById(named) : this.parentElement.querySelector("pre");
      try {
        await navigator.clipboard.writeText(wordsOf(source));
        this.tell("Copied");
      } catch {
        getSelection().selectAllChildren(source);
        this.tell("Selected: press Ctrl+C");
      }
    }

    tell(words) {
      const label = this.querySelector("span");
      const said = placeToSay();
      label.textContent = words;
      said.textContent = words;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        label.textContent = "Copy";
        if (said.textContent === words) said.textContent = "";
      }, 2500);
    }
  }

  // <code-listings> around prose: each listing in it gets a button that copies it, wherever the prose came from.
  class CodeListings extends HTMLElement {
    connectedCallback() {
      for (const code of this.querySelectorAll("pre")) {
        if (code.parentElement.className === "listing") continue;
        const listing = document.createElement("div");
        listing.className = "listing";
        code.replaceWith(listing);
        const button = document.createElement("copy-button");
        button.innerHTML = '<button class="button" type="button"><span>Copy</span><span class="spoken"> this code</span></button>';
        listing.append(code, button);
        // What is wider than the page is moved with the keyboard too.
        if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
      }
    }
  }

  // Parts that ask together: one request for all of a page, however many rows it has.
  const groups = new Map();

  class Group {
    constructor(address, name, wait) {
      Object.assign(this, { address, name, wait, pace: wait, parts: new Map(), timer: null });
    }

    add(part) {
      this.parts.set(part.getAttribute("key"), part);
      this.timer ??= setTimeout(() => this.draw(), this.pace);
    }

    remove(part) {
      if (this.parts.get(part.getAttribute("key")) === part) this.parts.delete(part.getAttribute("key"));
    }

    // What came with a part and has a place of its own on the page goes there; a page without that place does not show it.
    put(fresh) {
      for (const piece of fresh.querySelectorAll("[id]")) {
        piece.remove();
        document.getElementById(piece.id)?.replaceWith(piece);
      }
      this.parts.get(fresh.dataset.key)?.replaceWith(...fresh.childNodes);
    }

    async draw() {
      const asked = [...this.parts.keys()].slice(0, 100);
      if (asked.length && !document.hidden) {
        try {
          const query = new URLSearchParams(asked.map((key) => [this.name, key]));
          const answer = await fetch(`${this.address}?${query}`, { headers: { Accept: "text/html" } });
          if (answer.redirected) return location.reload();
          if (!answer.ok) throw new Error("not now");
          const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
          const told = [...parsed.querySelectorAll("[data-key]")];
          // What the server knows nothing of is gone, and is asked for no more: each time would be a refusal in the trail.
          const known = new Set(told.map((fresh) => fresh.dataset.key));
          for (const key of asked) if (!known.has(key)) this.parts.delete(key);
          for (const fresh of told) this.put(fresh);
          this.pace = this.wait;
        } catch {
          // The line is down for now; the next turn asks again, more slowly.
          this.pace = Math.min(this.pace * 2, 30000);
        }
      }
      this.timer = this.parts.size ? setTimeout(() => this.draw(), this.pace) : null;
    }
  }

  // <row-choice>: around a form whose rows have boxes: adds a box for all, the count, and buttons that wait for a choice.
  class RowChoice extends HTMLElement {
    connectedCallback() {
      this.all = this.querySelector("[data-choose-all]");
      this.all.addEventListener("change", () => {
        for (const box of this.boxes()) box.checked = this.all.checked;
        this.draw();
      });
      this.addEventListener("change", () => this.draw());
      addEventListener("pageshow", () => this.draw());
      this.draw();
    }

    boxes() {
      return [...this.querySelectorAll("tbody input[type=checkbox]")];
    }

    draw() {
      const boxes = this.boxes();
      const chosen = boxes.filter((box) => box.checked).length;
      this.all.checked = chosen > 0 && chosen === boxes.length;
      this.all.indeterminate = chosen > 0 && chosen < boxes.length;
      this.querySelector("[data-chosen]").textContent = `${chosen} of ${boxes.length} chosen`;
      for (const button of this.querySelectorAll("[data-for-chosen] button")) button.disabled = !chosen;
    }
  }

  // <live-part src every="seconds">: draws itself again from the server for as long as the answer holds a live part.
  class LivePart extends HTMLElement {
    connectedCallback() {
      this.wait = Number(this.getAttribute("every") || 2) * 1000;
      const address = this.getAttribute("together");
      if (address) {
        if (!groups.has(address)) groups.set(address, new Group(address, this.getAttribute("name"), this.wait));
        this.group = groups.get(address);
        return this.group.add(this);
      }
      this.timer = setTimeout(() => this.draw(), this.wait);
    }

    disconnectedCallback() {
      clearTimeout(this.timer);
      this.group?.remove(this);
    }

    async draw() {
      // Who is about to press a button in it keeps it under their hands.
      if (!document.hidden && !this.contains(document.activeElement)) {
        try {
          const answer = await fetch(this.getAttribute("src"), { headers: { Accept: "text/html" } });
          if (answer.redirected || answer.status === 404) return location.reload();
          if (answer.ok) {
            const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
            return this.replaceWith(...parsed.body.childNodes);
          }
        } catch {
          // The line is down for now; the next turn asks again, more slowly.
        }
        this.wait = Math.min(this.wait * 2, 30000);
      }
      this.timer = setTimeout(() => this.draw(), this.wait);
    }
  }

  // <reader-setting name><input type=checkbox>: a preference of this browser only.
  class ReaderSetting extends HTMLElement {
    connectedCallback() {
      const box = this.querySelector("input");
      const key = `aiaxis.${this.getAttribute("name")}`;
      const kept = localStorage.getItem(key);
      box.checked = kept === null ? this.hasAttribute("on") : kept === "on";
      box.addEventListener("change", () => localStorage.setItem(key, box.checked ? "on" : "off"));
    }
  }

  // <choice-filter label>: a field above many checkboxes that leaves only those whose words hold what is typed.
  class ChoiceFilter extends HTMLElement {
    connectedCallback() {
      this.rows = [...this.querySelectorAll(".choices label")].map((label) => label.parentElement);
      if (this.box || this.rows.length < MANY) return;
      const place = document.createElement("div");
      place.className = "choices__find";
      place.innerHTML = '<label class="field__label"></label><input type="search" autocomplete="off"><p class="field__help" role="status"></p>';
      [this.label, this.box, this.count] = place.children;
      this.label.textContent = this.getAttribute("label");
      this.label.htmlFor = this.box.id = "find-a-choice";
      this.box.addEventListener("input", () => this.draw());
      this.addEventListener("change", () => this.draw());
      this.box.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
      this.querySelector(".choices").before(place);
      this.draw();
    }

    draw() {
      const words = this.box.value.trim().toLowerCase();
      for (const row of this.rows) row.hidden = !row.textContent.toLowerCase().includes(words);
      const shown = this.rows.filter((row) => !row.hidden).length;
      const chosen = this.rows.filter((row) => row.querySelector("input").checked).length;
      this.count.textContent = `${shown} of ${this.rows.length} shown, ${chosen} chosen`;
    }
  }

  customElements.define("relative-time", RelativeTime);
  customElements.define("choice-filter", ChoiceFilter);
  customElements.define("copy-button", CopyButton);
  customElements.define("code-listings", CodeListings);
  customElements.define("live-part", LivePart);
  customElements.define("row-choice", RowChoice);
  customElements.define("reader-setting", ReaderSetting);

  // Dialogs open as popovers without a script; with one they are modal, and the focus goes back where it was.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (!dialog?.showModal || dialog.matches(":popover-open")) return;
      event.preventDefault();
      opener.closest("details.menu")?.removeAttribute("open");
      return dialog.showModal();
    }
    const closer = event.target.closest("[data-close]");
    const dialog = closer?.closest("dialog");
    if (dialog?.open) {
      event.preventDefault();
      return dialog.close();
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details.menu[open]");
    if (!menu) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  }, true);

  // A form is sent once: a second press while the first is under way does nothing.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    // What somebody began to write must not wait in this browser for the next person.
    if ("signOut" in form.dataset) {
      for (const key of Object.keys(localStorage)) if (key.startsWith("aiaxis.draft.")) localStorage.removeItem(key);
    }
    setTimeout(() => delete form.dataset.sent, 8000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // Popovers stand beside what opened them. Several marks may open the same one, so the pressed mark is remembered.
  let pressed = null;
  document.addEventListener("click", (event) => {
    pressed = event.target.closest("[popovertarget]");
  }, true);
  document.addEventListener("toggle", (event) => {
    const popover = event.target;
    if (event.newState !== "open" || !popover.classList?.contains("popover")) return;
    const opener = pressed;
    if (opener?.getAttribute("popovertarget") !== popover.id) return;
    const at = opener.getBoundingClientRect();
    popover.dataset.placed = "";
    const below = at.bottom + 6 + popover.offsetHeight <= innerHeight;
    popover.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - 6 - popover.offsetHeight)}px`;
    popover.style.left = `${Math.max(8, Math.min(at.left - 12, innerWidth - popover.offsetWidth - 8))}px`;
  }, true);

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelector("[data-errors]")?.focus();
    for (const toast of document.querySelectorAll("[data-toast]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button button--quiet button--icon";
      button.setAttribute("aria-label", "Dismiss this message");
      button.append("×");
      button.addEventListener("click", () => toast.remove());
      toast.append(button);
    }
  });
})();
