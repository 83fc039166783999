// Lines over something: time, steps. Drawn as SVG, told in words to those who don't see it.
import { html } from "../lib/html.js";
import { number } from "../lib/format.js";

const WIDTH = 640;
const MARGIN = 8; // above and below, for half a number at the axis

/**
 * `series` are `{name, points: [[x, y]], dots}`; `y` may be undefined where nothing is known, which leaves a gap. `low` and `high` bound the
 * picture where the values themselves should not. `showX` and `showY` write the numbers at the axes.
 */
export function Chart({ series, label, height = 180, low, high, showX = number, showY = (value) => number(value, 2) }) {
  const all = series.flatMap((each) => each.points).filter(([, y]) => Number.isFinite(y));
  if (all.length === 0) return html`<div class="chart-empty" style=${{ height: `${height}px` }}></div>`;
  const xs = all.map(([x]) => x);
  const ys = all.map(([, y]) => y);
  const x = scale(Math.min(...xs), Math.max(...xs), 0, WIDTH);
  const bounds = roundBounds(low ?? Math.min(...ys), high ?? Math.max(...ys));
  const y = scale(bounds.low, bounds.high, height - MARGIN, MARGIN);
  const last = series.map(({ name, points }) => `${name} ${showY(points.findLast(([, value]) => Number.isFinite(value))?.[1])}`);
  return html`<figure class="chart">
    <div class="chart-plot" style=${{ height: `${height}px` }}>
    <div class="chart-y" aria-hidden="true">${ticks(bounds, 4).map((value) => html`<span style=${{ top: `${y(value)}px` }}>${showY(value)}</span>`)}</div>
    <svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}: ${last.join(", ")}" preserveAspectRatio="none">
      ${ticks(bounds, 4).map((value) => html`<line class="grid" x1="0" x2=${WIDTH} y1=${y(value)} y2=${y(value)} />`)}
      ${series.map(({ points, dots }, at) => html`<path class="line line-${at}" d=${line(points, x, y)} />
        ${dots && points.filter(([, value]) => Number.isFinite(value)).map(([px, py]) => html`<path class="dot line-${at}" d="M${x(px)} ${y(py)}h0" />`)}`)}
    </svg></div>
    <div class="chart-x" aria-hidden="true"><span>${showX(Math.min(...xs))}</span><span>${showX(Math.max(...xs))}</span></div>
    ${series.length > 1 && html`<figcaption>${series.map(({ name }, at) => html`<span class="legend line-${at}">${name}</span>`)}</figcaption>`}
  </figure>`;
}

function line(points, x, y) {
  let begun = false;
  let path = "";
  for (const [px, py] of points) {
    if (!Number.isFinite(py)) begun = false;
    else {
      path += `${begun ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`;
      begun = true;
    }
  }
  return path;
}

const scale = (from, to, first, last) => (value) => (to === from ? (first + last) / 2 : first + ((value - from) * (last - first)) / (to - from));

/** Bounds on round numbers around values. Pure. */
export function roundBounds(low, high) {
  if (low === high) return { low: low - (Math.abs(low) || 1) / 2, high: high + (Math.abs(high) || 1) / 2 };
  const step = 10 ** Math.floor(Math.log10(high - low)) / 2;
  return { low: Math.floor(low / step) * step, high: Math.ceil(high / step) * step };
}

const ticks = ({ low, high }, count) => Array.from({ length: count + 1 }, (_, at) => low + ((high - low) * at) / count);
