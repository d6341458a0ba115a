// <file-upload><form><input type=file>: drop or choose files, see each one's real progress, one request a file. With `in-place`
// the page stays as it is: what came in shows in [data-listing], files may be pasted too, and [data-send] waits until they are read.
// Without a script the form sends itself, as forms do.
"use strict";

(() => {
  const AT_ONCE = 2;
  const PAUSE = 5000;
  const UNITS = ["bytes", "KB", "MB", "GB"];

  function size(bytes) {
    let unit = 0;
    let value = bytes;
    while (value >= 1024 && unit < UNITS.length - 1) {
      value /= 1024;
      unit += 1;
    }
    return `${unit && value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
  }

  // The server's own sentence, from problem details or from the page's summary of errors.
  function refusal(request) {
    const type = request.getResponseHeader("Content-Type") || "";
    if (type.includes("json")) {
      try {
        return JSON.parse(request.responseText).detail;
      } catch {
        return "";
      }
    }
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const error = page.querySelector("[data-errors] li, [data-errors] p, .error h1");
    return error ? error.textContent.trim() : "";
  }

  // The name under which a file that was sent again is here already; nothing for a new one.
  function knownAs(request) {
    try {
      const [file] = JSON.parse(request.responseText).files;
      return file.is_new ? "" : file.name;
    } catch {
      return "";
    }
  }

  class FileUpload extends HTMLElement {
    connectedCallback() {
      this.form = this.querySelector("form");
      this.input = this.form.querySelector("input[type=file]");
      this.list = this.querySelector("[data-uploads]");
      this.waiting = [];
      this.running = 0;
      this.kept = 0;
      this.inPlace = this.hasAttribute("in-place");
      this.input.addEventListener("change", () => this.take(this.input.files));
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.take(this.input.files);
      });
      this.watchDrops();
      if (this.inPlace) {
        this.watchButtons();
        this.busy();
        new MutationObserver(() => this.busy()).observe(this, { childList: true, subtree: true });
      }
      addEventListener("beforeunload", (event) => { if (this.running || this.waiting.length) event.preventDefault(); });
    }

    watchDrops() {
      const area = this.querySelector("[data-drop]") || this;
      const over = (on) => area.classList.toggle("drop--over", on);
      // Words that are dragged go where a browser puts them.
      const holdsFiles = (event) => event.dataTransfer.types.includes("Files");
      for (const name of ["dragenter", "dragover"]) {
        this.addEventListener(name, (event) => {
          if (!holdsFiles(event)) return;
          event.preventDefault();
          over(true);
        });
      }
      this.addEventListener("dragleave", (event) => { if (!this.contains(event.relatedTarget)) over(false); });
      this.addEventListener("drop", (event) => {
        if (!holdsFiles(event)) return;
        event.preventDefault();
        over(false);
        this.take(event.dataTransfer.files);
      });
    }

    watchButtons() {
      for (const button of this.querySelectorAll("[data-choose-files]")) {
        button.hidden = false;
        button.addEventListener("click", () => {
          button.closest("details")?.removeAttribute("open");
          this.input.click();
        });
      }
      this.addEventListener("paste", (event) => {
        if (!event.clipboardData.files.length) return;
        event.preventDefault();
        this.take(event.clipboardData.files);
      });
    }

    // On its way, or being read: a list that draws itself again has one in work.
    busy() {
      const send = this.querySelector("[data-send]");
      const coming = this.running || this.waiting.length || this.drawing;
      if (send) send.disabled = Boolean(coming || this.querySelector("live-part[data-listing]"));
    }

    take(files) {
      if (this.inPlace && !this.running) this.clear(() => true);
      for (const file of files) this.waiting.push([file, this.draw(file)]);
      this.input.value = "";
      this.next();
    }

    draw(file) {
      const item = document.createElement("div");
      item.className = "gauge";
      item.innerHTML = '<span class="gauge__label one-line"></span><span class="gauge__value"></span><progress max="100"></progress>';
      item.querySelector(".gauge__label").textContent = file.name;
      item.querySelector(".gauge__value").textContent = "Waiting";
      const bar = item.querySelector("progress");
      bar.value = 0;
      bar.setAttribute("aria-label", `Upload of ${file.name}`);
      this.list.append(item);
      return item;
    }

    next() {
      while (!this.pause && this.running < AT_ONCE && this.waiting.length) {
        this.running += 1;
        this.send(...this.waiting.shift());
      }
    }

    send(file, item) {
      const words = item.querySelector(".gauge__value");
      const bar = item.querySelector("progress");
      const body = new FormData(this.form);
      body.delete(this.input.name);
      body.append(this.input.name, file, file.name);
      const request = new XMLHttpRequest();
      request.open("POST", this.form.action);
      request.setRequestHeader("Accept", "application/json, text/html");
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        const percent = Math.floor((100 * event.loaded) / event.total);
        bar.value = percent;
        words.textContent = percent < 100 ? `${percent} % of ${size(file.size)}` : "Checking";
      });
      request.addEventListener("load", () => this.ended(request, file, item));
      request.addEventListener("error", () => this.refuse(item, "The line dropped before the file arrived. Try it again."));
      request.send(body);
    }

    ended(request, file, item) {
      if (request.status === 429) return this.postpone(file, item);
      if (request.status >= 200 && request.status < 300) {
        const known = knownAs(request);
        item.querySelector(".gauge__value").textContent = known ? "Already here" : "Received";
        item.querySelector("progress").remove();
        if (known) this.note(item, "field__help", "status", `You already have this file, as “${known}”.`);
        return this.finish();
      }
      this.refuse(item, refusal(request) || `The server did not accept this file (${request.status}).`);
    }

    // As many wait as may: this one keeps its place, and is sent when some of the others were read.
    postpone(file, item) {
      this.running -= 1;
      this.waiting.unshift([file, item]);
      item.querySelector(".gauge__value").textContent = "Waiting until others are read";
      item.querySelector("progress").value = 0;
      this.pause ??= setTimeout(() => {
        this.pause = null;
        this.next();
      }, PAUSE);
    }

    refuse(item, sentence) {
      item.querySelector("progress").remove();
      item.querySelector(".gauge__value").textContent = "Not uploaded";
      this.note(item, "field__error", "alert", sentence);
      this.finish();
    }

    // A row with a sentence has to stay until it was read.
    note(item, kind, role, sentence) {
      this.kept += 1;
      const words = document.createElement("p");
      words.className = kind;
      words.setAttribute("role", role);
      words.textContent = sentence;
      item.append(words);
    }

    finish() {
      this.running -= 1;
      this.next();
      if (this.running || this.waiting.length) return;
      if (this.inPlace) {
        this.clear((row) => !row.querySelector("p"));
        this.drawing = true;
        return this.drawList().finally(() => {
          this.drawing = false;
          this.busy();
        });
      }
      // Where a row has something to say the page stays, so that it can be read; the list alone is drawn anew.
      if (this.kept) {
        this.sum();
        return this.drawList();
      }
      // The list is below: from where the person has scrolled to, the top with its new row would not be seen.
      history.scrollRestoration = "manual";
      location.reload();
    }

    clear(isOver) {
      for (const row of [...this.list.children]) if (isOver(row)) row.remove();
    }

    // Among many rows nobody counts which did not arrive.
    sum() {
      const rows = [...this.list.querySelectorAll(".gauge")];
      const missed = rows.filter((row) => row.querySelector(".field__error")).length;
      let words = this.list.querySelector("[data-sum]");
      if (!words) {
        words = document.createElement("p");
        words.dataset.sum = "";
        words.setAttribute("role", "status");
      }
      words.textContent = `${rows.length - missed} of ${rows.length} files are here${missed ? `, ${missed} not: see why below` : ""}.`;
      this.list.prepend(words);
    }

    async drawList() {
      const list = document.querySelector("[data-listing]");
      if (!list) return;
      try {
        const answer = await fetch(list.dataset.listing || location.href, { headers: { Accept: "text/html" } });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-listing]");
        if (answer.ok && fresh) list.replaceWith(fresh);
      } catch {
        // The line is down; the list shows the new files with the next load of the page.
      }
    }
  }

  customElements.define("file-upload", FileUpload);
})();
