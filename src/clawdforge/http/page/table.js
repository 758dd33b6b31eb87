// A table that is read page by page, with filters above it.

import { get, query } from "./api.js";
import { button, el, replace, setText } from "./dom.js";

const PAGE = 50;

export class PagedTable {
  /**
   * @param label what the table is called
   * @param path where the rows are, or a function that says so
   * @param rowsOf takes the rows out of a reply
   * @param columns [{ name, of, number }]; `of` gives a text or a node
   * @param filters [{ key, name, options? }]
   */
  constructor({ label, path, rowsOf, columns, filters, empty }) {
    Object.assign(this, { path, rowsOf, columns, empty });
    this.fields = filters.map((filter) => this.field(filter));
    this.body = el("tbody");
    this.note = el("p", { class: "faint note", role: "status" });
    this.more = button("More", () => this.load(this.next), { hidden: true });
    this.node = el(
      "div",
      { class: "panel paged" },
      el("div", { class: "filters", role: "search", "aria-label": `Filters of ${label}` }, this.fields.map((field) => field.node)),
      el(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
        el("table", { class: "table" }, el("thead", {}, el("tr", {}, columns.map((one) => el("th", { scope: "col", class: one.number ? "number" : null }, one.name)))), this.body),
      ),
      el("div", { class: "table-end" }, this.note, this.more),
    );
    this.load();
  }

  close() {
    this.closed = true;
  }

  field({ key, name, options }) {
    const id = `filter-${key}`;
    const control = options
      ? el("select", { id }, el("option", { value: "" }, "any"), options.map((value) => el("option", { value }, value)))
      : el("input", { id, type: "text", placeholder: "any", autocomplete: "off", spellcheck: "false" });
    control.addEventListener("change", () => this.load());
    return { key, control, node: el("label", { for: id }, el("span", {}, name), control) };
  }

  /** Read from the beginning, or what comes after. */
  async load(before = null) {
    const asked = (this.asked = {});
    const wanted = Object.fromEntries(this.fields.map(({ key, control }) => [key, control.value.trim()]));
    try {
      const reply = await get(query(this.path, { ...wanted, limit: PAGE, before }));
      if (this.closed || asked !== this.asked) return;
      const rows = this.rowsOf(reply).map((row) => this.row(row));
      if (before === null) replace(this.body, rows);
      else this.body.append(...rows);
      this.next = reply.next;
      this.more.hidden = reply.next === null;
      setText(this.note, this.body.childElementCount ? "" : this.empty);
    } catch (error) {
      setText(this.note, error.message);
    }
  }

  row(row) {
    return el("tr", {}, this.columns.map((one) => el("td", { class: [one.number && "number", one.kind].filter(Boolean).join(" ") || null }, one.of(row))));
  }
}
