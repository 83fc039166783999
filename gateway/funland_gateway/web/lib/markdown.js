// Markdown as elements. What a model writes is a stranger's: HTML in it is shown as text, pictures as links, and all is sanitised.
import { Marked } from "../vendor/marked.js";

/** What must be there before `elements` is called. DOMPurify has no small module: it is a script that puts itself into the window. */
export const ready = new Promise((resolve, reject) => {
  const script = document.createElement("script");
  script.src = new URL("../vendor/purify.js", import.meta.url).href;
  script.onload = resolve;
  script.onerror = () => reject(new Error("vendor/purify.js can't be read"));
  document.head.append(script);
});

const TAGS = [
  "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "strong", "table",
  "tbody", "td", "th", "thead", "tr", "ul",
];
const SAFE = /^(?:https?:|mailto:|#)/i;

const escaped = (text) => text.replace(/[&<>"']/g, (each) => `&#${each.charCodeAt(0)};`);

const marked = new Marked({
  gfm: true,
  renderer: {
    html: ({ text }) => escaped(text),
    checkbox: ({ checked }) => (checked ? "☑ " : "☐ "),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    // The page's own headings come before those of a message.
    heading({ tokens, depth }) {
      const level = Math.min(6, depth + 2);
      return `<h${level}>${this.parser.parseInline(tokens)}</h${level}>`;
    },
  },
});

/** The elements of a text, `labels.copy` being what the button of a piece of code says. */
export function elements(text, labels) {
  const fragment = window.DOMPurify.sanitize(marked.parse(text), {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ["href", "title", "align", "class", "start"],
    ALLOWED_URI_REGEXP: SAFE,
    ALLOW_DATA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const table of fragment.querySelectorAll("table")) wrap(table, "scroll-x");
  for (const pre of fragment.querySelectorAll("pre")) frameCode(pre, labels);
  return fragment;
}

/** How many characters of a text that grows belong to blocks that nothing more can change. */
export function closedLength(text) {
  const blocks = marked.lexer(text);
  let last = blocks.length - 1;
  while (last >= 0 && blocks[last].type === "space") last -= 1;
  return blocks.slice(0, Math.max(0, last)).reduce((sum, block) => sum + block.raw.length, 0);
}

function wrap(element, className) {
  const box = document.createElement("div");
  box.className = className;
  box.tabIndex = 0;
  element.replaceWith(box);
  box.append(element);
}

function frameCode(pre, labels) {
  const box = document.createElement("div");
  box.className = "code";
  const head = document.createElement("div");
  head.className = "code-head";
  const name = document.createElement("span");
  name.textContent = /language-(\S+)/.exec(pre.firstElementChild?.className ?? "")?.[1] ?? "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button plain small code-copy";
  button.textContent = labels.copy;
  head.append(name, button);
  pre.tabIndex = 0;
  pre.replaceWith(box);
  box.append(head, pre);
}
