// Line drawings of 20 by 20, in the colour of the text. They say nothing that the words beside them, or the label, don't.
import { html } from "../lib/html.js";

const PATHS = {
  chat: "M3 5.5A1.5 1.5 0 0 1 4.5 4h11A1.5 1.5 0 0 1 17 5.5v7a1.5 1.5 0 0 1-1.5 1.5H9l-4 3v-3h-.5A1.5 1.5 0 0 1 3 12.5z",
  models: "M10 3l6.5 3.5L10 10 3.5 6.5zM3.5 10L10 13.5 16.5 10M3.5 13.5L10 17l6.5-3.5",
  downloads: "M10 3v9m-4-3.5L10 12.5l4-4M4 16h12",
  devices: "M6 6h8v8H6zM8 3v3m4-3v3m-4 8v3m4-3v3M3 8h3m-3 4h3m8-4h3m-3 4h3",
  tasks: "M4 5.5h1.5M8.5 5.5H16M4 10h1.5m3 0H16M4 14.5h1.5m3 0H16",
  pictures: "M3.5 4.5h13v11h-13zM3.5 13l4-4 3.5 3.5 2-2 3.5 3.5M13 7.5h.01",
  speech: "M10 3a2.3 2.3 0 0 1 2.3 2.3v4.4a2.3 2.3 0 0 1-4.6 0V5.3A2.3 2.3 0 0 1 10 3zM5 9.5a5 5 0 0 0 10 0M10 14.5V17",
  training: "M3.5 3.5v13h13M6 6c1.5 5 4 7 10 7.5",
  logs: "M5 3.5h7l3 3v10H5zM7.5 9h5m-5 3h5",
  keys: "M12.5 3.5a4 4 0 1 1-3.3 6.3L4 15v1.5h2.5V15H8v-1.5h1.5l.9-1M13.5 6.5h.01",
  projects: "M3.5 6h5l1.5 2h6.5v8h-13z",
  users: "M7.5 4.5a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2zM2.8 16a4.8 4.8 0 0 1 9.4 0M13 5a2.4 2.4 0 0 1 0 4.6M14.6 11.6a4.6 4.6 0 0 1 2.7 4.4",
  menu: "M3.5 6h13M3.5 10h13m-13 4h13",
  close: "M5 5l10 10M15 5L5 15",
  plus: "M10 4v12M4 10h12",
  attach: "M15.5 9.5l-5.6 5.6a3.2 3.2 0 0 1-4.6-4.6L11 4.9a2.1 2.1 0 0 1 3 3l-5.5 5.5a1 1 0 0 1-1.5-1.5l5-5",
  send: "M10 16V4m-5 5l5-5 5 5",
  stop: "M6 6h8v8H6z",
  copy: "M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3",
  edit: "M4 16l.8-3.2L13 4.6l2.4 2.4-8.2 8.2z",
  again: "M15.5 8A6 6 0 1 0 16 11.5M16 4v4.2h-4.2",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  down: "M5 8l5 5 5-5",
  pin: "M7 3.5h6l-.7 5 2.2 2.5h-9l2.2-2.5zM10 11v5.5",
  sun: "M10 6.7a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6zM10 2.5v1.8m0 11.4v1.8M2.5 10h1.8m11.4 0h1.8M4.7 4.7L6 6m8 8l1.3 1.3m0-10.6L14 6m-8 8l-1.3 1.3",
  moon: "M16 11.8A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.8z",
  system: "M3.5 4.5h13v9h-13zM7.5 16.5h5M10 13.5v3",
  search: "M8.8 4a4.8 4.8 0 1 1 0 9.6 4.8 4.8 0 0 1 0-9.6zM12.4 12.4L16 16",
  more: "M4.6 10h.8M9.6 10h.8M14.6 10h.8",
  trash: "M4.5 6h11M8 6V4h4v2m-6.2 0l.7 10h7l.7-10",
  fork: "M6 4v5a3 3 0 0 0 3 3h5m-2.5-3L14 12l-2.5 3M6 4v12",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  warn: "M10 4l7 12H3zM10 8.5v3.5m0 2h.01",
  play: "M7 5l8 5-8 5z",
  pause: "M7 5v10m6-10v10",
  settings: "M4 6h6m4 0h2M4 14h2m4 0h6M12 4.5v3M8 12.5v3",
  logout: "M8 4H4.5v12H8M9 10h7.5m-3-3l3 3-3 3",
  file: "M5 3.5h7l3 3v10H5zM12 3.5v3h3",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d=${PATHS[name]} /></svg>`;
}
