// A long list of which only what can be seen is in the page. All rows are of known heights.

import { el } from "./dom.js";

const BEYOND_PX = 240; // drawn beyond the edges, so that scrolling shows no gaps

export class VirtualList {
  /**
   * @param label what the list is called
   * @param build makes the node of an entry
   * @param draw puts what is now known into a node: (node, entry)
   */
  constructor({ label, build, draw }) {
    this.build = build;
    this.draw = draw;
    this.entries = [];
    this.nodes = new Map();
    this.space = el("div", { class: "virtual-space", role: "list", "aria-label": label });
    this.node = el("div", { class: "virtual", onscroll: () => this.later() }, this.space);
    this.watch = new ResizeObserver(() => this.later());
    this.watch.observe(this.node);
  }

  /** Show these: each has a `key` and a `height`; those in `dirty` (null: all) are drawn anew. */
  show(entries, dirty = null) {
    this.entries = entries;
    let top = 0;
    for (const entry of entries) {
      entry.top = top;
      top += entry.height;
    }
    if (this.total !== top) {
      this.total = top;
      this.space.style.height = `${top}px`;
    }
    this.place(dirty);
  }

  later() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.place(new Set());
    });
  }

  place(dirty) {
    const from = this.node.scrollTop - BEYOND_PX;
    const to = this.node.scrollTop + this.node.clientHeight + BEYOND_PX;
    const wanted = new Set();
    let before = null;
    for (let at = this.first(from); at < this.entries.length; at += 1) {
      const entry = this.entries[at];
      if (entry.top > to) break;
      wanted.add(entry.key);
      before = this.put(entry, at, dirty, before);
    }
    this.dropOthers(wanted);
  }

  put(entry, at, dirty, before) {
    let node = this.nodes.get(entry.key);
    const isNew = !node;
    if (isNew) {
      node = this.build(entry);
      node.setAttribute("role", "listitem");
      this.nodes.set(entry.key, node);
    }
    if (node.top !== entry.top) {
      node.top = entry.top;
      node.style.transform = `translateY(${entry.top}px)`;
      node.style.height = `${entry.height}px`;
    }
    if (node.at !== at || node.of !== this.entries.length) {
      node.at = at;
      node.of = this.entries.length;
      node.setAttribute("aria-posinset", at + 1);
      node.setAttribute("aria-setsize", this.entries.length);
    }
    if (isNew || entry.heading || dirty === null || dirty.has(entry.key)) this.draw(node, entry);
    // Tab and screen readers go by the order in the document.
    const next = before ? before.nextSibling : this.space.firstChild;
    if (next === node) return node;
    if (node.contains(document.activeElement)) this.clear(next, node);
    else this.space.insertBefore(node, next);
    return node;
  }

  /** Put what stands before a node behind it: one that has the focus would lose it if it moved. */
  clear(next, node) {
    while (next !== node) {
      const after = next.nextSibling;
      this.space.append(next);
      next = after;
    }
  }

  dropOthers(wanted) {
    for (const [key, node] of this.nodes) {
      if (wanted.has(key)) continue;
      const entry = node.contains(document.activeElement) && this.entries.find((one) => one.key === key);
      if (entry) {
        node.style.transform = `translateY(${entry.top}px)`;
        node.top = entry.top;
        continue; // who has the focus stays
      }
      node.remove();
      this.nodes.delete(key);
    }
  }

  first(top) {
    let low = 0;
    let high = this.entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.entries[middle].top + this.entries[middle].height < top) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The nodes that are in the page, with their entries' keys. */
  shown() {
    return this.nodes;
  }

  /** Bring an entry into view, and give its link the focus if it is wanted. */
  reveal(key, { focus = false } = {}) {
    const entry = this.entries.find((one) => one.key === key);
    if (!entry) return;
    const { scrollTop, clientHeight } = this.node;
    if (entry.top < scrollTop) this.node.scrollTop = entry.top - 8;
    else if (entry.top + entry.height > scrollTop + clientHeight) {
      this.node.scrollTop = entry.top + entry.height - clientHeight + 8;
    }
    this.place(new Set());
    if (focus) this.nodes.get(key)?.querySelector("a, button")?.focus({ preventScroll: true });
  }
}
