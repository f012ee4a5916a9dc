// The page: reads frames from the stream and shows each in its place.
import { age, byId, clock, count, countdown, day, keyed, make, money, price, put, signed, span, tone } from './format.js';
import { showChain } from './chain.js';
import { drawLatency, endCurve, setCurve } from './plot.js';
import { showKill } from './stop.js';

function show(frame) {
  document.title = `${money(frame.pnl.net)} · Vayu`;
  put(byId('title'), frame.title || 'no strategy');
  const mode = byId('mode');
  put(mode, frame.mode, 'badge ' + frame.mode);
  mode.hidden = !frame.mode;

  put(byId('clock'), clock(frame.now));
  put(byId('date'), day(frame.now));
  put(byId('speed'), frame.speed && frame.speed !== 1 ? ` · ${frame.speed}× speed` : '');
  put(byId('phase'), frame.phase || '–', 'state ' + (frame.phase === 'open' ? 'good' : 'calm'));
  showMoment(frame.moment);
  put(byId('source'), frame.source || '–');
  byId('source').title = frame.source;

  showChain(frame.chain);
  showResult(frame.pnl, frame.now);
  showPositions(frame.positions);
  showOrders(frame.orders);
  showLatencies(frame.latencies);
  showBudget(frame.budget);
  showSession(frame.session);
  showFeeds(frame.feeds);
  showStrategies(frame.strategies);
  showNotes(frame.notes);
  showKill(frame.kill);
}

const moments = {
  live: 'the venue’s prices, now',
  recorded: 'recorded at the venue at this very market time',
  modelled: 'derived from recorded prices, such as a book around a recorded trade',
  synthetic: 'made up between two recorded moments; every path ends in the next recorded one',
  unlabelled: 'nobody said how these prices came to be',
};

function showMoment(moment) {
  put(byId('moment'), moment, 'moment ' + moment);
  byId('moment').title = moments[moment] ?? '';
}

function showResult(pnl, now) {
  put(byId('net'), money(pnl.net), 'hero num ' + tone(pnl.net));
  put(byId('realised'), money(pnl.realised), 'num ' + tone(pnl.realised));
  put(byId('unrealised'), money(pnl.unrealised), 'num ' + tone(pnl.unrealised));
  put(byId('charges'), money(pnl.charges, { sign: false }), 'num');
  endCurve(now, pnl.net);
}

// fill keeps a table's rows, one per item, each with the given cells.
function fill(id, items, key, cells) {
  const table = byId(id);
  keyed(table.tBodies[0], items, key, (item) => make('tr', '', ...cells(item).map(() => make('td'))), (tr, item) => {
    cells(item).forEach(([text, className = ''], i) => put(tr.cells[i], text, className));
  });
  table.classList.toggle('none', items.length === 0);
}

function showPositions(positions) {
  put(byId('positions-count'), positions.length ? count(positions.length) : '');
  fill('positions', positions, (p) => p.expiry + p.contract, (p) => [
    [p.contract, 'text strong'], [signed(p.quantity), p.quantity < 0 ? 'short' : 'long'], [price(p.average)], [price(p.last)], [money(p.unrealised), tone(p.unrealised)],
  ]);
}

const words = { closed_absent: 'not placed', adopted_late: 'adopted late', expired_local: 'too late', rejected_late: 'rejected' };

function showOrders(orders) {
  const open = orders.filter((o) => !o.terminal).length;
  put(byId('orders-count'), orders.length ? `${open} open` : '');
  const table = byId('orders');
  keyed(table.tBodies[0], orders, (o) => o.id, createOrder, (tr, o) => {
    put(tr.cells[0], clock(o.at));
    put(tr.side, o.side, o.side);
    put(tr.what, ` ${o.contract}`);
    put(tr.reason, o.reason);
    tr.reason.title = o.reason;
    put(tr.cells[2], price(o.price));
    put(tr.cells[3], `${count(o.filled)}/${count(o.quantity)}`, 'done ' + (o.filled === 0 ? 'dim' : ''));
    put(tr.cells[4], words[o.state] ?? o.state.replaceAll('_', ' '), 'text word ' + (o.alarm ? 'bad' : o.terminal ? 'dim' : 'good'));
  });
  table.classList.toggle('none', orders.length === 0);
}

function createOrder() {
  const tr = make('tr', '', make('td', 'text when dim'), make('td', 'text'), make('td', 'price'), make('td', 'done'), make('td', 'text word'));
  [tr.side, tr.what, tr.reason] = [make('span'), make('span'), make('small')];
  tr.cells[1].append(tr.side, tr.what, tr.reason);
  return tr;
}

function showLatencies(journeys) {
  keyed(byId('latency'), journeys, (j) => j.name, (j) => {
    const row = make('div', 'journey', make('h3', '', j.name), make('dl', 'quantiles'), make('div', 'plot'));
    for (const name of ['p50', 'p99', 'p99.9', 'max']) row.children[1].append(make('div', '', make('dt', '', name), make('dd', 'num')));
    return row;
  }, (row, j) => {
    const figures = row.querySelectorAll('dd');
    [j.p50, j.p99, j.p999, j.max].forEach((ns, i) => put(figures[i], j.count ? span(ns) : '–'));
    const key = `${j.count} ${row.lastChild.clientWidth}`;
    if (row.drawn !== key) drawLatency(row.lastChild, j);
    row.drawn = key;
  });
}

function showBudget(budget) {
  const names = ['this second', 'this minute', 'today'];
  keyed(byId('budget'), names, (name) => name, (name) => make('div', 'allowance', make('p', '', make('span', 'label', name), make('b', 'num')), make('div', 'meter', make('i'))), (row, name) => {
    const [left, limit] = budget[names.indexOf(name)];
    const share = limit ? Math.max(0, left / limit) : 0;
    put(row.querySelector('b'), limit ? `${count(left)} / ${count(limit)}` : '–');
    bar(row.querySelector('i'), share, share > 0.4 ? '' : share > 0.15 ? 'warn' : 'bad');
  });
}

function bar(element, share, className) {
  const scale = `scaleX(${share.toFixed(4)})`;
  if (element.style.transform !== scale) element.style.transform = scale;
  if (element.className !== className) element.className = className;
}

function showSession(s) {
  put(byId('session-state'), s.state, 'sub state ' + (s.state === 'valid' ? 'good' : s.state ? 'warn' : ''));
  put(byId('expires'), s.expires_in > 0 ? countdown(s.expires_in) : s.state ? 'expired' : '–', 'count num' + (s.state && s.expires_in <= 60e3 ? ' loss' : ''));
  put(byId('renews'), s.renews_in > 0 ? countdown(s.renews_in, { seconds: s.renews_in < 3600e3 }) : s.state ? 'now' : '–');
  put(byId('epoch'), s.epoch ? count(s.epoch) : '–');
  put(byId('renewals'), count(s.renewals) + '×');
  bar(byId('session-bar'), s.lifetime ? Math.min(1, Math.max(0, s.expires_in / s.lifetime)) : 0, s.expires_in > 60e3 ? '' : 'bad');
}

const health = { live: 'good', gap: 'warn', stale: 'warn', down: 'bad' };

function showFeeds(feeds) {
  const sick = feeds.filter((f) => f.state !== 'live').length;
  put(byId('feeds-sub'), feeds.length ? (sick ? `${sick} of ${feeds.length} not live` : 'all live') : '', 'sub state ' + (sick ? 'bad' : 'good'));
  fill('feeds', feeds, (f) => f.name, (f) => [
    [f.state === 'live' ? f.name : `${f.name}: ${f.state}`, 'text state ' + health[f.state]], [f.rate >= 10 || !f.rate ? `${count(Math.round(f.rate))}/s` : `${f.rate.toFixed(1)}/s`], [age(f.age), f.age > 3000 ? 'bad' : ''],
    ...[f.gaps, f.reconnects, f.decode_errors].map((n) => [count(n), n ? 'fault warn' : 'fault dim']),
  ]);
}

function showStrategies(strategies) {
  keyed(byId('strategies'), strategies, (s) => s.name, () => make('li', '', make('b'), make('span', 'state'), make('span', 'dim'), make('span', 'num')), (li, s) => {
    const [name, state, orders, net] = li.children;
    put(name, s.name);
    put(state, s.state, 'state ' + (s.alarm ? 'bad' : 'good'));
    put(orders, `${count(s.orders)} orders`);
    put(net, money(s.net), 'num ' + tone(s.net));
  });
}

function showNotes(notes) {
  keyed(byId('notes'), notes, (n) => n.at + n.text, (n) => make('li', n.alarm ? 'bad' : '', make('time', 'dim', clock(n.at)), make('span', '', n.text)), () => {});
}

// The stream. A silent one is as bad as a broken one: both say so.
let instance = null;
let heard = 0;

function connect() {
  const stream = new EventSource('stream');
  stream.addEventListener('hello', (event) => {
    const now = JSON.parse(event.data);
    if (instance && instance !== now) location.reload(); // another run of the process
    instance = now;
  });
  stream.addEventListener('curve', (event) => setCurve(JSON.parse(event.data)));
  stream.addEventListener('frame', (event) => {
    heard = Date.now();
    show(JSON.parse(event.data));
  });
  stream.addEventListener('error', () => {
    if (stream.readyState !== EventSource.CLOSED) return; // it tries again by itself
    setTimeout(connect, 2000);
  });
}

setInterval(() => {
  const silent = heard > 0 && Date.now() - heard > 2500;
  byId('lost').hidden = !silent;
  document.body.classList.toggle('silent', silent);
  if (silent) put(byId('lost'), `No word from the engine for ${Math.round((Date.now() - heard) / 1000)} s: these figures are old. Trying to reach it…`);
}, 500);

connect();
