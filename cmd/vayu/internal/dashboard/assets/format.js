// How numbers are written: rupees in lakhs, times in India, spans with the
// unit that fits. Everything arrives in paise, milliseconds or nanoseconds.

const rupees = new Intl.NumberFormat('en-IN', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat('en-GB');
const clockFormat = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Kolkata', hour: '2-digit', minute: '2-digit', second: '2-digit' });
const minuteFormat = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Kolkata', hour: '2-digit', minute: '2-digit' });
const dayFormat = new Intl.DateTimeFormat('en-GB', { timeZone: 'Asia/Kolkata', weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });

export const count = (n) => whole.format(n);
export const price = (paise) => (paise > 0 ? (paise / 100).toFixed(2) : '–');
export const bigPrice = (paise) => (paise > 0 ? rupees.format(paise / 100) : '–');
export const strike = (paise) => (paise % 100 ? (paise / 100).toFixed(2) : String(paise / 100));
export const signed = (n) => (n > 0 ? '+' + whole.format(n) : n < 0 ? '−' + whole.format(-n) : '0');

// With a sign even where colour would tell, for those who do not see it.
export const money = (paise, { sign = true } = {}) =>
  (paise < 0 ? '−' : sign && paise > 0 ? '+' : '') + '₹' + rupees.format(Math.abs(paise) / 100);

export const tone = (n) => (n > 0 ? 'gain' : n < 0 ? 'loss' : '');
export const clock = (ms) => (ms ? clockFormat.format(ms) : '--:--:--');
export const minute = (ms) => minuteFormat.format(ms);
export const day = (ms) => (ms ? dayFormat.format(ms) : '');

export function span(ns) {
  const three = (x) => (x >= 99.95 ? x.toFixed(0) : x >= 9.995 ? x.toFixed(1) : x.toFixed(2));
  if (ns < 1000) return ns + ' ns';
  if (ns < 999.5e3) return three(ns / 1e3) + ' µs';
  if (ns < 999.5e6) return three(ns / 1e6) + ' ms';
  return three(ns / 1e9) + ' s';
}

export function age(ms) {
  if (ms < 0) return '–';
  if (ms < 9950) return (ms / 1000).toFixed(1) + 's';
  if (ms < 99500) return Math.round(ms / 1000) + 's';
  return Math.min(Math.round(ms / 60000), 999) + 'm';
}

export function countdown(ms, { seconds = true } = {}) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const two = (n) => String(n).padStart(2, '0');
  if (s >= 3600) return `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m` + (seconds ? ` ${two(s % 60)}s` : '');
  if (s >= 60) return `${Math.floor(s / 60)}m ${two(s % 60)}s`;
  return `${s}s`;
}

export const date = (iso) =>
  iso ? new Date(iso + 'T00:00:00Z').toLocaleDateString('en-GB', { timeZone: 'UTC', day: 'numeric', month: 'short', year: 'numeric' }) : '';

// put writes only what changed: the browser then lays out only that.
export function put(element, text, className) {
  if (element.textContent !== text) element.textContent = text;
  if (className !== undefined && element.className !== className) element.className = className;
}

export const byId = (id) => document.getElementById(id);

export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// keyed keeps one element per key, in order, reusing those that stay.
export function keyed(parent, items, key, create, update) {
  const old = new Map();
  for (const child of parent.children) old.set(child.dataset.key, child);
  let at = parent.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    let element = old.get(id);
    if (element) old.delete(id);
    else {
      element = create(item);
      element.dataset.key = id;
    }
    update(element, item);
    if (element === at) at = at.nextElementSibling;
    else parent.insertBefore(element, at);
  }
  for (const gone of old.values()) gone.remove();
}
