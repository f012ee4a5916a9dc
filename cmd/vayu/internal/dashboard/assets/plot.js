// Two pictures in SVG: the day's result over time, and a latency's
// distribution on a logarithmic axis. Colours come from the style sheet.
import { byId, count, minute, money, put, span } from './format.js';

const svg = (tag, attributes = {}, text) => {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
};

// ticks are round numbers within a range, about n of them.
function ticks(low, high, n) {
  const raw = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const list = [];
  for (let t = Math.ceil(low / step) * step; t <= high + step * 1e-9; t += step) list.push(t);
  return list;
}

const minuteSteps = [1, 2, 5, 10, 15, 30, 60, 120].map((m) => m * 60e3);
const secondSteps = [5e3, 10e3, 15e3, 30e3];

let points = [];
let hover = null;

export function setCurve(list) {
  points = list;
  drawCurve();
}

// endCurve moves the last point with each frame, between two kept ones.
export function endCurve(at, net) {
  if (points.length && at > points[points.length - 1][0]) drawCurve([at, net]);
}

function drawCurve(last) {
  const figure = byId('curve');
  const { clientWidth: width, clientHeight: height } = figure;
  if (!width || !height) return;
  const list = last ? [...points, last] : points;
  if (list.length < 2) {
    put(figure, '');
    return;
  }
  const [left, right, top, bottom] = [58, 8, 8, 20];
  const from = list[0][0];
  const to = Math.max(list[list.length - 1][0], from + 60e3);
  let low = 0;
  let high = 0;
  for (const [, net] of list) {
    low = Math.min(low, net);
    high = Math.max(high, net);
  }
  const pad = Math.max((high - low) * 0.08, 5000);
  low -= low < 0 ? pad : pad / 3;
  high += high > 0 ? pad : pad / 3;
  const x = (t) => left + ((t - from) / (to - from)) * (width - left - right);
  const y = (v) => top + ((high - v) / (high - low)) * (height - top - bottom);

  const root = svg('svg', { width, height, 'aria-hidden': 'true' });
  for (const v of ticks(low / 100, high / 100, Math.max(2, height / 48))) {
    const at = Math.round(y(v * 100)) + 0.5;
    root.append(svg('line', { x1: left, x2: width - right, y1: at, y2: at, class: v === 0 ? 'zero' : 'rule' }));
    root.append(svg('text', { x: left - 8, y: at + 3.5, 'text-anchor': 'end', class: 'tick' }, short(v)));
  }
  const step = [...secondSteps, ...minuteSteps].find((s) => (to - from) / s <= Math.max(2, width / 90)) ?? 120 * 60e3;
  const zone = 5.5 * 3600e3; // round times of India, not of Greenwich
  for (let t = Math.ceil((from + zone) / step) * step - zone; t <= to; t += step) {
    if (x(t) < left + 16 || x(t) > width - 24) continue;
    const text = step < 60e3 ? new Date(t + zone).toISOString().slice(11, 19) : minute(t);
    root.append(svg('text', { x: x(t), y: height - 5, 'text-anchor': 'middle', class: 'tick' }, text));
  }
  const line = list.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join('L');
  const end = list[list.length - 1];
  const tone = end[1] < 0 ? 'loss' : 'gain';
  root.append(svg('path', { d: `M${x(from)},${y(0)}L${line}L${x(end[0])},${y(0)}Z`, class: `area ${tone}` }));
  root.append(svg('path', { d: `M${line}`, class: `curve ${tone}` }));
  root.append(svg('circle', { cx: x(end[0]), cy: y(end[1]), r: 3, class: `dot ${tone}` }));

  if (hover !== null) {
    const t = from + ((hover - left) / (width - left - right)) * (to - from);
    const near = list.reduce((best, point) => (Math.abs(point[0] - t) < Math.abs(best[0] - t) ? point : best));
    const at = x(near[0]);
    root.append(svg('line', { x1: at, x2: at, y1: top, y2: height - bottom, class: 'hair' }));
    root.append(svg('circle', { cx: at, cy: y(near[1]), r: 3, class: `dot ${near[1] < 0 ? 'loss' : 'gain'}` }));
    const anchor = at > width - 150 ? 'end' : 'start';
    root.append(svg('text', { x: at + (anchor === 'end' ? -7 : 7), y: top + 10, 'text-anchor': anchor, class: 'note' }, `${minute(near[0])}  ${money(near[1])}`));
  }
  figure.replaceChildren(root);
}

function short(v) {
  const size = Math.abs(v);
  const text = size >= 1e7 ? (size / 1e7).toPrecision(3) + ' Cr' : size >= 1e5 ? +(size / 1e5).toFixed(2) + ' L' : size >= 1e3 ? +(size / 1e3).toFixed(1) + 'k' : String(+size.toFixed(0));
  return (v < 0 ? '−' : '') + '₹' + text;
}

const figure = byId('curve');
figure.addEventListener('pointermove', (event) => {
  hover = event.clientX - figure.getBoundingClientRect().left;
  drawCurve();
});
figure.addEventListener('pointerleave', () => {
  hover = null;
  drawCurve();
});
new ResizeObserver(() => drawCurve()).observe(figure);

// Latency: decades from 100 ns to 1 s.
const [first, decades] = [2, 7];
const unit = ['100 ns', '1 µs', '10 µs', '100 µs', '1 ms', '10 ms', '100 ms', '1 s'];

export function drawLatency(holder, journey) {
  const { clientWidth: width, clientHeight: height } = holder;
  if (!width || !height) return;
  const bottom = 14;
  const x = (ns) => Math.min(Math.max((Math.log10(Math.max(ns, 1)) - first) / decades, 0), 1) * (width - 2) + 1;
  const root = svg('svg', { width, height, 'aria-hidden': 'true' });
  for (let d = 0; d <= decades; d++) {
    const at = Math.round(x(10 ** (first + d))) + (d === decades ? -0.5 : 0.5);
    root.append(svg('line', { x1: at, x2: at, y1: 0, y2: height - bottom, class: 'rule' }));
    if (d > 0 && d < decades) root.append(svg('text', { x: at, y: height - 2, 'text-anchor': 'middle', class: 'tick' }, unit[d]));
  }

  // The given bins are gathered into columns of even width on this axis.
  const columns = Math.min(Math.floor(width / 5), 84);
  const heights = new Array(columns).fill(0);
  for (const [upTo, n] of journey.bins) {
    heights[Math.min(columns - 1, Math.floor(((x(upTo) - 1) / (width - 2)) * columns))] += n;
  }
  const most = Math.max(...heights);
  const wide = (width - 2) / columns;
  heights.forEach((n, i) => {
    if (!n) return;
    // The root keeps the thin tail visible beside the body.
    const tall = Math.max(1.5, Math.sqrt(n / most) * (height - bottom - 4));
    root.append(svg('rect', { x: 1 + i * wide + 0.5, y: height - bottom - tall, width: Math.max(1, wide - 1), height: tall, rx: 0.5, class: 'column' }));
  });
  if (!journey.bins.length && journey.count) {
    // Only quantiles are known: half of all to 99 of 100, to 99.9, to the longest.
    const middle = (height - bottom) / 2;
    for (const [from, to, tall] of [[journey.p50, journey.p99, 12], [journey.p99, journey.p999, 6], [journey.p999, journey.max, 1.5]]) {
      root.append(svg('rect', { x: x(from), y: middle - tall / 2, width: Math.max(1, x(to) - x(from)), height: tall, class: 'column' }));
    }
  }
  for (const [name, ns] of [['p50', journey.p50], ['p99', journey.p99]]) {
    if (!ns) continue;
    root.append(svg('line', { x1: x(ns), x2: x(ns), y1: 0, y2: height - bottom, class: `mark ${name}` }));
  }
  root.append(svg('text', { x: width - 3, y: 10, 'text-anchor': 'end', class: 'tick' }, `of ${count(journey.count)}`));
  holder.replaceChildren(root);
  holder.setAttribute('role', 'img');
  holder.setAttribute('aria-label', `${journey.name}: half within ${span(journey.p50)}, 99 of 100 within ${span(journey.p99)}, longest ${span(journey.max)}, of ${count(journey.count)}`);
}
