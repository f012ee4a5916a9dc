// The option chain: one row a strike, calls mirrored to puts. A price that
// moved glows for a moment, the side in the money is shaded, and the table
// keeps the money in the middle until the reader scrolls.
import { age, bigPrice, byId, date, keyed, make, price, put, signed, strike } from './format.js';

const [BID, ASK, LAST, IV, AGE, POSITION] = [0, 1, 2, 3, 4, 5];
const stale = 5000; // ms: an older quote is shown faded
const still = matchMedia('(prefers-reduced-motion: reduce)');

const scroller = byId('chain-scroll');
const body = byId('chain').tBodies[0];
const follow = byId('follow');
let following = true;
let centred = null;

export function showChain(chain) {
  put(byId('chain-name'), chain.underlying ? `${chain.underlying} ${date(chain.expiry)}` : 'none');
  put(byId('spot'), bigPrice(chain.spot));
  put(byId('forward'), bigPrice(chain.forward));
  const level = chain.forward || chain.spot;
  const atm = chain.rows[chain.atm]?.k;
  keyed(body, chain.rows, (row) => row.k, createRow, (tr, row) => {
    const name = row.k === atm ? 'atm' : '';
    if (tr.className !== name) tr.className = name;
    showLeg(tr.call, row.c, level > row.k);
    showLeg(tr.put, row.p, level > 0 && level < row.k);
  });
  if (following && atm !== centred) centre(atm);
}

function createRow(row) {
  const tr = make('tr');
  const cell = (className) => make('td', className);
  const leg = () => ({ [BID]: cell('px'), [ASK]: cell('px'), [LAST]: cell('px last'), [IV]: cell('iv'), [AGE]: cell('age'), [POSITION]: cell('pos') });
  tr.call = leg();
  tr.put = leg();
  const head = make('th', 'strike', strike(row.k));
  head.scope = 'row';
  tr.append(...[POSITION, AGE, IV, LAST, BID, ASK].map((i) => tr.call[i]), head, ...[BID, ASK, LAST, IV, AGE, POSITION].map((i) => tr.put[i]));
  return tr;
}

function showLeg(cells, leg, inside) {
  const faded = leg[AGE] < 0 || leg[AGE] > stale;
  for (const i of [BID, ASK, LAST]) {
    const cell = cells[i];
    const before = cell.value;
    put(cell, price(leg[i]), (i === LAST ? 'px last' : 'px') + (inside ? ' itm' : '') + (faded ? ' faded' : ''));
    if (before !== undefined && before !== leg[i] && before > 0 && leg[i] > 0) glow(cell, leg[i] > before);
    cell.value = leg[i];
  }
  put(cells[IV], leg[IV] ? (leg[IV] / 100).toFixed(1) : '–', 'iv' + (inside ? ' itm' : ''));
  put(cells[AGE], age(leg[AGE]), 'age' + (inside ? ' itm' : '') + (faded ? ' old' : ''));
  put(cells[POSITION], leg[POSITION] ? signed(leg[POSITION]) : '', 'pos' + (leg[POSITION] > 0 ? ' long' : leg[POSITION] < 0 ? ' short' : inside ? ' itm' : ''));
}

// glow colours a price that moved and lets it fade back. Only the text: a whole
// chain of flashing cells would hide what matters.
function glow(cell, up) {
  if (still.matches) return;
  cell.animate([{ color: `var(--${up ? 'gain' : 'loss'})`, offset: 0 }], { duration: 900, easing: 'ease-in' });
}

let ours = false; // the scrolling under way is this file's
function centre(atm) {
  const row = body.querySelector(`tr[data-key="${atm}"]`);
  if (!row || !scroller.clientHeight) return;
  const head = byId('chain').tHead.offsetHeight;
  const smooth = centred !== null && !still.matches;
  ours = true;
  scroller.scrollTo({ top: row.offsetTop - head - (scroller.clientHeight - head - row.offsetHeight) / 2, behavior: smooth ? 'smooth' : 'instant' });
  setTimeout(() => (ours = false), 800);
  centred = atm;
}

function setFollowing(on) {
  following = on;
  follow.setAttribute('aria-pressed', String(on));
  if (on) centred = null;
}
follow.addEventListener('click', () => setFollowing(!following));
for (const event of ['wheel', 'touchmove', 'keydown']) {
  scroller.addEventListener(event, () => !ours && setFollowing(false), { passive: true });
}
new ResizeObserver(() => (centred = null)).observe(scroller);
