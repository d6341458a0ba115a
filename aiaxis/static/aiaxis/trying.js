// <agent-trial> beside an agent's form: asks the agent as the form stands, and shows the answer here while it is written.
// Without a script the same button opens the answer in a tab of its own, and the form stays open in this one.
"use strict";

(() => {
  const FAILED = "That could not be tried. What you wrote in the form is still here; try again in a moment.";

  class AgentTrial extends HTMLElement {
    connectedCallback() {
      this.button = this.querySelector("[data-send]");
      this.place = this.querySelector("[data-place]");
      this.said = this.querySelector("[data-said]");
      this.addEventListener("click", (event) => {
        if (event.target.closest("[data-send]")) this.begin(event);
      });
      this.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !this.button.hidden) this.begin(event);
      });
      this.addEventListener("answered", () => this.end());
      // Nobody waits any more for an answer that is still being written.
      addEventListener("pagehide", () => this.end());
    }

    async begin(event) {
      event.preventDefault();
      if (this.button.disabled) return;
      this.button.disabled = true;
      this.said.textContent = "";
      const body = new FormData(this.button.form);
      this.token = body.get("csrfmiddlewaretoken");
      try {
        const answer = await fetch(this.button.formAction, { method: "POST", body, headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const shown = page.querySelector("[data-trial]");
        if (!shown) return this.say(FAILED);
        this.over = shown.dataset.trial;
        this.place.replaceChildren(...shown.childNodes);
        this.place.querySelector("[data-errors]")?.focus();
        if (!this.place.querySelector("answer-stream")) this.end();
      } catch {
        this.say(FAILED);
      } finally {
        this.button.disabled = false;
      }
    }

    say(sentence) {
      const told = document.createElement("p");
      told.textContent = sentence;
      told.setAttribute("role", "alert");
      this.place.replaceChildren(told);
    }

    // What was read is deleted there; it stays to be read here until the next one, or until the page is left.
    end() {
      const headers = { "X-CSRFToken": this.token };
      if (this.over) fetch(this.over, { method: "POST", headers, redirect: "manual", keepalive: true }).catch(() => {});
      this.over = "";
    }
  }

  customElements.define("agent-trial", AgentTrial);
})();
