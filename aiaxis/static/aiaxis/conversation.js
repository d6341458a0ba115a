// What of a conversation a page alone cannot do: follow an answer while it is written, keep a draft, add what was said earlier.
// Without a script the page shows the answer as far as it is, and a reload shows more.
"use strict";

(() => {
  const PAUSE = 3000;
  const PATIENCE = 8000;
  const SLOW = "This takes longer than usual. You can leave; the answer will be here.";
  const DROPPED = "The line dropped. The answer goes on without it: reload the page to read it.";
  const INLINE = /\[(\d{1,3})\]|\*\*(.+?)\*\*|\\([!-/:-@[-`{-~])/g;

  // A sketch of the Markdown that has come so far; only text nodes are made, so nothing in it can become markup.
  // The server's own rendering replaces it at the end.
  function sketch(text) {
    const drawn = document.createDocumentFragment();
    for (const part of text.split(/\n{2,}/)) {
      if (!part.trim()) continue;
      const quoted = /^\s*>/.test(part);
      const paragraph = document.createElement("p");
      inline(paragraph, part.replace(/^[ \t]*>[ \t]?/gm, "").replace(/^#{1,6}\s+/, ""));
      if (!quoted) {
        drawn.append(paragraph);
        continue;
      }
      const quote = document.createElement("blockquote");
      quote.append(paragraph);
      drawn.append(quote);
    }
    return drawn;
  }

  function inline(parent, text) {
    let from = 0;
    for (const match of text.matchAll(INLINE)) {
      parent.append(text.slice(from, match.index));
      from = match.index + match[0].length;
      if (match[3]) {
        parent.append(match[3]);
        continue;
      }
      const element = document.createElement(match[1] ? "span" : "strong");
      if (match[1]) element.className = "cite";
      element.textContent = match[1] || match[2];
      parent.append(element);
    }
    parent.append(text.slice(from));
  }

  // Who reads at the end of the page stays there while it grows; who has scrolled up is left alone.
  function following(change) {
    const isAtEnd = innerHeight + scrollY >= document.body.scrollHeight - 160;
    change();
    if (isAtEnd) scrollTo({ top: document.body.scrollHeight });
  }

  class AnswerStream extends HTMLElement {
    connectedCallback() {
      this.text = "";
      this.waiting = "Looking in the files";
      this.prose = this.querySelector(".prose");
      this.send = document.querySelector("[data-send]");
      this.stop = document.querySelector("[data-stop]");
      this.querySelector("[data-reload]")?.setAttribute("hidden", "");
      this.busy(true);
      this.draw();
      this.source = new EventSource(this.getAttribute("src"));
      this.source.addEventListener("status", (event) => this.begin(JSON.parse(event.data)));
      this.source.addEventListener("text", (event) => this.add(JSON.parse(event.data)));
      this.source.addEventListener("refused", (event) => this.say(JSON.parse(event.data).detail));
      this.source.addEventListener("closed", (event) => {
        this.source.close();
        this.busy(false);
        this.say(JSON.parse(event.data).detail);
      });
      this.source.addEventListener("call", (event) => this.calling(JSON.parse(event.data)));
      for (const name of ["done", "failed", "stopped", "interrupted", "waiting"]) {
        this.source.addEventListener(name, () => this.finish());
      }
      // EventSource comes back by itself with Last-Event-ID. Where the server refused the line, the turn is asked for after a
      // pause, so that a server in trouble is not asked over and over.
      this.source.addEventListener("error", () => {
        if (this.source.readyState === EventSource.CLOSED) this.later = setTimeout(() => this.finish(), PAUSE);
      });
      this.slow = setTimeout(() => {
        this.waiting = SLOW;
        if (!this.text) this.draw();
      }, PATIENCE);
      this.stopping = () => this.askToStop();
      this.stop?.addEventListener("click", this.stopping);
    }

    disconnectedCallback() {
      clearTimeout(this.later);
      clearTimeout(this.slow);
      this.source?.close();
      this.stop?.removeEventListener("click", this.stopping);
      this.busy(false);
    }

    busy(on) {
      if (this.send) this.send.hidden = on;
      if (this.stop) {
        this.stop.hidden = !on;
        this.stop.disabled = false;
      }
    }

    // The stream names the answer that it sends from its beginning; a resumed line goes on without that.
    begin(data) {
      if (this.message !== data.message_id) this.text = "";
      this.message = data.message_id;
      this.say("");
    }

    say(sentence) {
      const place = this.querySelector("[data-reload]");
      if (!place) return;
      place.hidden = !sentence;
      place.textContent = sentence;
    }

    // What a tool is called is text of somebody else's, and stays text.
    calling(data) {
      if (data.state !== "ready") return;
      this.waiting = `Calling ${data.tool}${data.server ? ` of ${data.server}` : ""}`;
      this.say(`${this.waiting} …`);
      if (!this.text) this.draw();
    }

    add(data) {
      this.say("");
      this.text += data.text;
      following(() => this.draw());
    }

    draw() {
      this.prose.replaceChildren(sketch(this.text));
      let last = this.prose.lastElementChild;
      while (last?.lastElementChild?.matches("p")) last = last.lastElementChild;
      if (!last) {
        last = document.createElement("p");
        last.className = "quiet";
        last.textContent = this.waiting;
        this.prose.append(last);
      }
      last.classList.add("caret");
    }

    async askToStop() {
      this.stop.disabled = true;
      const token = document.querySelector("[name=csrfmiddlewaretoken]")?.value || "";
      try {
        await fetch(this.getAttribute("stop"), { method: "POST", headers: { "X-CSRFToken": token } });
      } catch {
        this.stop.disabled = false;
      }
    }

    async finish() {
      this.source.close();
      // Where a reload would lose what stands in a form, the page says instead what is to be done.
      const lost = this.getAttribute("lost");
      try {
        const answer = await fetch(this.getAttribute("turn"), { headers: { Accept: "text/html" } });
        if (answer.redirected || answer.status === 404) return lost ? this.say(lost) : location.reload();
        if (!answer.ok) return this.say(lost || DROPPED);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const turn = this.closest(".turn") || this;
        const around = turn.parentElement;
        const said = document.querySelector("[data-said]");
        following(() => turn.replaceWith(...page.body.childNodes));
        around.dispatchEvent(new Event("answered", { bubbles: true }));
        const waits = [...document.querySelectorAll("[data-decision]")].pop();
        if (said) said.textContent = waits ? "The agent waits for your word on a call." : "The answer is complete.";
        if (waits) return waits.scrollIntoView({ block: "nearest" });
        if (document.activeElement === document.body) document.querySelector("draft-box textarea")?.focus({ preventScroll: true });
      } catch {
        this.say(lost || DROPPED);
      }
    }
  }

  // <draft-box for="conversation">: the draft survives a reload; Enter sends, or Ctrl/⌘+Enter if the reader set that.
  class DraftBox extends HTMLElement {
    connectedCallback() {
      this.box = this.querySelector("textarea");
      this.form = this.querySelector("form") || this.closest("form");
      this.key = `aiaxis.draft.${this.getAttribute("for")}`;
      const hint = this.querySelector("[data-hint]");
      const plain = localStorage.getItem("aiaxis.enter") !== "off";
      if (hint) hint.textContent = plain ? "Enter sends. Shift+Enter starts a new line." : "Ctrl+Enter sends.";
      if (!this.box.value) this.box.value = localStorage.getItem(this.key) || "";
      this.box.addEventListener("input", () => this.keep());
      this.box.addEventListener("keydown", (event) => this.maybeSend(event, plain));
      this.form.addEventListener("submit", (event) => {
        const send = document.querySelector("[data-send]");
        if (send?.hidden || send?.disabled || !this.box.value.trim()) return event.preventDefault();
        localStorage.removeItem(this.key);
      });
    }

    keep() {
      if (this.box.value) localStorage.setItem(this.key, this.box.value);
      else localStorage.removeItem(this.key);
    }

    maybeSend(event, plain) {
      if (event.key !== "Enter" || event.isComposing || event.shiftKey) return;
      if (!plain && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.form.requestSubmit();
    }
  }

  // <earlier-messages> around a link: puts that page's messages above those that are here, and what one reads stays in its place.
  // Who scrolls up to it need not press it. Nothing is fetched before: most people who open a conversation read its end.
  class EarlierMessages extends HTMLElement {
    connectedCallback() {
      this.link = this.querySelector("a");
      this.link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.bring().catch(() => location.assign(this.link.href));
      });
      this.near = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) this.bring().catch(() => {}); }, { rootMargin: "400px" });
      this.from = scrollY;
      this.scrolled = () => {
        if (scrollY < this.from) this.near.observe(this);
        this.from = scrollY;
      };
      addEventListener("scroll", this.scrolled, { passive: true });
    }

    disconnectedCallback() {
      removeEventListener("scroll", this.scrolled);
      this.near.disconnect();
    }

    // Where it fails the link is still there to be pressed.
    async bring() {
      if (this.isBusy) return;
      this.isBusy = true;
      try {
        const answer = await fetch(this.link.href, { headers: { Accept: "text/html" } });
        if (!answer.ok || answer.redirected) throw new Error("not now");
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        this.put(page.querySelector(".talk__turns"));
      } finally {
        this.isBusy = false;
      }
    }

    put(turns) {
      for (const one of turns.querySelectorAll("[data-later], [data-temporary]")) one.remove();
      const isChosen = this.contains(document.activeElement);
      const height = document.body.scrollHeight;
      const at = scrollY;
      const first = turns.querySelector(".turn");
      this.replaceWith(...turns.childNodes);
      scrollTo({ top: at + document.body.scrollHeight - height, behavior: "instant" });
      // Whoever came with the keyboard goes on from where the new messages begin.
      if (isChosen) document.querySelector("earlier-messages a")?.focus({ preventScroll: true });
      const said = document.querySelector("[data-said]");
      if (said && first) said.textContent = "Earlier messages were added above.";
      // Whoever read so far upwards goes on: this one need not wait for them to begin.
      const further = document.querySelector("earlier-messages");
      if (further) further.near.observe(further);
    }
  }

  customElements.define("earlier-messages", EarlierMessages);
  customElements.define("answer-stream", AnswerStream);
  customElements.define("draft-box", DraftBox);
  document.addEventListener("DOMContentLoaded", () => {
    // A question that is being put differently has the focus, and so is in view.
    if (document.querySelector(".turn--edit")) return;
    // A new question leads to its own place; that is among the last turns, and its answer comes below it.
    const last = [...document.querySelectorAll(".talk__turns > .turn")].slice(-2).map((turn) => `#${turn.id}`);
    if (last.length && (!location.hash || last.includes(location.hash))) scrollTo({ top: document.body.scrollHeight });
  });
})();
