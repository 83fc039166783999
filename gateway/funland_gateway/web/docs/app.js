// Shows /openapi.json. Text from the document is only ever set as text, never as HTML.
"use strict";

const DEEPEST = 4; // levels of a schema that are shown at once
const OF_ITS_TYPE = [-(2 ** 31), 2 ** 31 - 1, -(2 ** 63), 2 ** 63]; // limits that say no more than int32 and int64

// What examples show although no rule requires it, and what they say.
const SHOWN = ["content", "text", "tokens"];
const TEXTS = { path: "/models/some.gguf", model: "funland-tiny", model_id: "funland-tiny" };

const byId = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** What a schema refers to, and what it is when it is not null: that it may be, few need to read. */
function resolve(spec, schema) {
  if (!schema) return schema;
  const { $ref, anyOf, ...rest } = schema;
  const [one, ...more] = (anyOf || []).filter((each) => each.type !== "null");
  if (one && !more.length) return { ...resolve(spec, one), ...rest };
  const name = $ref?.replace("#/components/schemas/", "");
  if (name) return { name, ...spec.components.schemas[name], ...rest };
  const types = [schema.type].flat().filter((each) => each !== "null");
  if (types.length !== 1) return schema;
  const values = schema.enum ? { enum: schema.enum.filter((each) => each !== null) } : {};
  return { ...schema, type: types[0], ...values };
}

function typeName(spec, given) {
  const schema = resolve(spec, given);
  if (schema.anyOf || schema.oneOf) {
    return (schema.anyOf || schema.oneOf).map((each) => typeName(spec, each)).join(" or ");
  }
  if (schema.type === "array") return `list of ${typeName(spec, schema.items || {})}`;
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.name) return schema.name;
  if (schema.additionalProperties?.type || schema.additionalProperties?.$ref) {
    return `map to ${typeName(spec, schema.additionalProperties)}`;
  }
  return schema.format || [schema.type].flat().join(" or ") || "anything";
}

function rules(schema) {
  const texts = {
    minimum: "at least", exclusiveMinimum: "over", maximum: "at most", exclusiveMaximum: "under",
    minLength: "length from", maxLength: "length to", minItems: "items from", maxItems: "items to",
    maxProperties: "entries to", pattern: "matches",
  };
  return Object.entries(texts)
    .filter(([key]) => schema[key] !== undefined && !OF_ITS_TYPE.includes(schema[key]))
    .map(([key, text]) => `${text} ${schema[key]}`)
    .join(", ");
}

function fields(spec, given, depth = 0, seen = []) {
  let schema = resolve(spec, given);
  if (schema?.type === "array") schema = resolve(spec, schema.items || {});
  const repeats = schema?.name && seen.includes(schema.name);
  if (!schema?.properties || depth >= DEEPEST || repeats) return null;
  const list = make("dl", { class: "fields" });
  for (const [name, raw] of Object.entries(schema.properties)) {
    const field = resolve(spec, raw);
    const must = (schema.required || []).includes(name);
    list.append(
      make("dt", {}, name, " ", make("span", { class: "type" }, typeName(spec, raw)),
        must ? make("span", { class: "must" }, " required") : null),
      make("dd", { class: "prose" },
        [field.description, rules(field)].filter(Boolean).join(" — "),
        fields(spec, raw, depth + 1, [...seen, schema.name].filter(Boolean)) || ""),
    );
  }
  return list;
}

/** A small body that the operation would take: its required fields, or else its first. */
function example(spec, given, name = "", depth = 0) {
  const schema = resolve(spec, given) || {};
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.anyOf || schema.oneOf) return example(spec, (schema.anyOf || schema.oneOf)[0], name, depth);
  if (schema.enum) return schema.enum.includes("USER") ? "USER" : schema.enum[0];
  switch ([schema.type].flat()[0]) {
    case "array": return depth > DEEPEST ? [] : [example(spec, schema.items || {}, name, depth + 1)];
    case "object": {
      const all = Object.keys(schema.properties || {});
      const wanted = all.filter((each) => (schema.required || []).includes(each) || SHOWN.includes(each));
      return Object.fromEntries(
        wanted.map((each) => [each, example(spec, schema.properties[each], each, depth + 1)]));
    }
    case "integer": case "number": return schema.minimum >= 0 ? schema.minimum : 1;
    case "boolean": return true;
    default: return TEXTS[name] ?? "Hello!";
  }
}

function curl(spec, path, method, operation) {
  const filled = path.replace(/\{(\w+)\}/g, () => "funland-tiny");
  const parts = [`curl ${location.origin}${filled}`];
  if (method !== "get" && method !== "post") parts.push(`-X ${method.toUpperCase()}`);
  const content = operation.requestBody?.content?.["application/json"];
  if (content) {
    const json = JSON.stringify(example(spec, content.schema)).replace(/'/g, "'\\''");
    parts.push("-H 'content-type: application/json'", `-d '${json}'`);
  } else if (method === "post") {
    parts.push("-X POST");
  }
  if (operation.responses?.["200"]?.content?.["text/event-stream"]) parts.push("--no-buffer");
  return parts.join(" \\\n  ");
}

function copyable(text) {
  const button = make("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  });
  return make("div", { class: "example" }, make("pre", { tabindex: "0" }, make("code", {}, text)), button);
}

function section(title, ...content) {
  return content.some(Boolean) ? [make("h4", {}, title), ...content.filter(Boolean)] : [];
}

function article(spec, path, method, operation) {
  const request = operation.requestBody?.content?.["application/json"]?.schema;
  const answers = Object.entries(operation.responses?.["200"]?.content || {});
  const parameters = (operation.parameters || []).map((each) => [
    make("dt", {}, each.name, " ", make("span", { class: "type" }, `${typeName(spec, each.schema)} in ${each.in}`),
      each.required ? make("span", { class: "must" }, " required") : null),
    make("dd", { class: "prose" }, [each.schema.description, rules(each.schema)].filter(Boolean).join(" — ")),
  ]).flat();
  const kinds = answers.map(([kind, { schema }]) => `${kind}: ${typeName(spec, schema)}`).join("\n");
  const answer = answers.map(([, { schema }]) => schema).find((schema) => fields(spec, schema));
  return make("article", { id: operation.operationId, "data-text": `${method} ${path} ${operation.summary}`.toLowerCase() },
    make("details", {},
      make("summary", {},
        make("h3", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), path),
        make("span", { class: "brief" }, operation.summary || "")),
      make("div", { class: "body" },
        make("p", { class: "prose" }, operation.description || operation.summary || ""),
        ...section("Try it", copyable(curl(spec, path, method, operation))),
        ...section("Parameters", parameters.length ? make("dl", { class: "fields" }, ...parameters) : null),
        ...section("Body", request ? fields(spec, request) : null),
        ...section("Answer",
          make("p", { class: "prose" }, operation.responses?.["200"]?.description || ""),
          kinds ? make("p", { class: "prose type" }, kinds) : null,
          answer ? fields(spec, answer) : null))));
}

function show(spec) {
  byId("title").textContent = spec.info.title;
  byId("version").textContent = `version ${spec.info.version}, OpenAPI ${spec.openapi}`;
  byId("about").append(
    make("p", { class: "prose" }, spec.info.description),
    make("p", {}, "The document: ", make("a", { href: "/openapi.json" }, "/openapi.json")));
  const operations = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
  for (const tag of spec.tags) {
    const mine = operations.filter(({ operation }) => operation.tags.includes(tag.name));
    byId("operations").append(make("section", { "aria-labelledby": `tag-${tag.name}` },
      make("h2", { id: `tag-${tag.name}` }, tag.name),
      make("p", { class: "prose" }, tag.description || ""),
      ...mine.map(({ path, method, operation }) => article(spec, path, method, operation))));
    byId("contents").append(make("section", {},
      make("h2", {}, tag.name),
      make("ul", {}, ...mine.map(({ path, method, operation }) =>
        make("li", { "data-text": `${method} ${path} ${operation.summary}`.toLowerCase() },
          make("a", { href: `#${operation.operationId}` },
            make("span", { class: `method ${method}` }, method.toUpperCase()), path))))));
  }
}

/** Opens the operation that the address names, so that links lead to more than a closed line. */
function openTarget() {
  const target = byId(decodeURIComponent(location.hash.slice(1)))?.querySelector("details");
  if (target) {
    target.open = true;
    target.scrollIntoView();
  }
}

function filter() {
  const wanted = byId("filter").value.trim().toLowerCase();
  for (const each of document.querySelectorAll("[data-text]")) {
    each.hidden = !each.dataset.text.includes(wanted);
  }
  for (const each of document.querySelectorAll("main section, nav section")) {
    each.hidden = !each.querySelector("[data-text]:not([hidden])");
  }
}

async function start() {
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    show(await response.json());
    byId("state").hidden = true;
    openTarget();
  } catch (error) {
    byId("state").textContent = `The document could not be read: ${error.message}`;
  }
}

byId("filter").addEventListener("input", filter);
addEventListener("hashchange", openTarget);
start();
