// Runs ICICI's official JavaScript client (breezeconnect) against the venue
// whose base URL is the first argument, as a customer would, and prints one
// JSON object of what the client saw. The Go test beside this judges it.
'use strict';

const [base, appKey, secret, apiSession, expiry, expiryText, strike] = process.argv.slice(2);

// The client has its hosts in a module of its own: point them at the venue.
const { urls } = require('breezeconnect/config.js');
urls.API_URL = base + '/breezeapi/api/v1/';
urls.BREEZE_NEW_URL = base + '/api/v2/';
urls.LIVE_FEEDS_URL = base;
urls.LIVE_STREAM_URL = base;
urls.LIVE_OHLC_STREAM_URL = base;
urls.SECURITY_MASTER_URL = base + '/MotherAppMaster/SecurityMaster.zip';

const { BreezeConnect } = require('breezeconnect');
const axios = require('axios');

const seen = { quotes: {}, depths: {}, orders: [], candles: [], errors: [] };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, condition) {
  for (let i = 0; i < 200; i++) {
    if (condition()) return;
    await sleep(50);
  }
  seen.errors.push('waited in vain for ' + what);
}

function onTicks(tick) {
  if (tick.orderReference) seen.orders.push(tick);
  else if (tick.quotes === 'Quotes Data') seen.quotes[tick.symbol] = tick;
  else if (tick.quotes === 'Market Depth') seen.depths[tick.symbol] = tick;
  else if (tick.interval) seen.candles.push(tick);
}

async function refused(name, call) {
  try {
    const answer = await call();
    return { name, status: answer && answer.Status };
  } catch (error) {
    const http = error && error.response ? error.response.status : 0;
    return { name, thrown: true, http, body: error && error.response ? error.response.data : String(error) };
  }
}

async function main() {
  const breeze = new BreezeConnect({ appKey });

  // A wrong session first: the client turns it into its own complaint.
  seen.wrongSession = await refused('generateSession', () => new BreezeConnect({ appKey }).generateSession(secret, '99999999'));

  await breeze.generateSession(secret, apiSession);
  seen.user = breeze.userId;
  seen.funds = await breeze.getFunds();

  breeze.wsConnect();
  breeze.onTicks = onTicks;
  const contracts = [['call', String(strike)], ['put', String(strike)], ['call', String(Number(strike) + 50)]];
  for (const [right, strikePrice] of contracts) {
    await breeze.subscribeFeeds({
      exchangeCode: 'NFO', stockCode: 'NIFTY', productType: 'options', expiryDate: expiryText, strikePrice, right,
      getExchangeQuotes: true, getMarketDepth: true,
    });
  }
  await breeze.subscribeFeeds({ getOrderNotification: true });
  await breeze.subscribeFeeds({
    exchangeCode: 'NFO', stockCode: 'NIFTY', productType: 'options', expiryDate: expiryText, strikePrice: String(strike), right: 'call', interval: '1second',
  });
  await until('quotes and depth of three options', () => Object.keys(seen.quotes).length >= 3 && Object.keys(seen.depths).length >= 3);
  await until('a candle', () => seen.candles.length > 0);
  await until('the order stream', () => breeze.socketOrder && breeze.socketOrder.connected);

  const contract = { stockCode: 'NIFTY', exchangeCode: 'NFO', expiryDate: expiry, right: 'call', strikePrice: String(strike) };
  seen.quote = await breeze.getQuotes({ ...contract, productType: 'options' });
  const row = seen.quote.Success[0];
  const order = {
    ...contract, product: 'options', action: 'buy', orderType: 'limit', stoploss: '', quantity: '65', validity: 'day',
    validityDate: expiry, disclosedQuantity: '0', userRemark: 'interop',
  };

  // One that fills, one that rests.
  seen.bought = await breeze.placeOrder({ ...order, price: String(row.best_offer_price + 2) });
  const boughtId = seen.bought.Success.order_id;
  await until('the fill', () => seen.orders.some((o) => o.orderReference === boughtId && o.orderStatus === 'Executed'));
  seen.resting = await breeze.placeOrder({ ...order, userRemark: 'interop 2', price: String(Math.round(row.best_bid_price / 2)) });
  const restingId = seen.resting.Success.order_id;
  await until('the resting order', () => seen.orders.some((o) => o.orderReference === restingId && o.orderStatus === 'Ordered'));

  seen.detail = await breeze.getOrderDetail({ exchangeCode: 'NFO', orderId: boughtId });
  const day = row.ltt.split(' ')[0];
  const iso = new Date(day + ' UTC').toISOString().slice(0, 10) + 'T06:00:00.000Z';
  seen.list = await breeze.getOrderList({ exchangeCode: 'NFO', fromDate: iso, toDate: iso });
  seen.trades = await breeze.getTradeList({ fromDate: iso, toDate: iso, exchangeCode: 'NFO', productType: '', action: '', stockCode: '' });
  seen.trade = await breeze.getTradeDetail({ exchangeCode: 'NFO', orderId: boughtId });
  seen.positions = await breeze.getPortfolioPositions();
  seen.demat = await breeze.getDematHoldings();
  seen.marketOrder = await breeze.makeRequest('POST', 'order', ...signed(breeze, {
    stock_code: 'NIFTY', exchange_code: 'NFO', product: 'options', action: 'buy', order_type: 'market', quantity: '65', price: '0',
    validity: 'day', expiry_date: expiry, right: 'call', strike_price: String(strike),
  })).then((r) => r.data);

  // As shipped, cancelOrder sends neither body nor signature, so it must fail;
  // modifyOrder reads two variables nobody declares; the option chain's check
  // of the exchange can never pass.
  seen.cancelAsShipped = await refused('cancelOrder', () => breeze.cancelOrder({ exchangeCode: 'NFO', orderId: restingId }));
  seen.chainAsShipped = await breeze.getOptionChainQuotes({ stockCode: 'NIFTY', exchangeCode: 'NFO', expiryDate: expiry, productType: 'options', right: 'call' });

  global.order_id = restingId;
  global.order_type = 'limit';
  seen.modified = await breeze.modifyOrder({
    orderId: restingId, exchangeCode: 'NFO', orderType: 'limit', stoploss: '0', quantity: '65',
    price: String(Math.round(row.best_bid_price / 2) + 1), validity: 'day', disclosedQuantity: '0', validityDate: expiry,
  });
  seen.chain = await breeze.makeRequest('GET', 'optionchain', ...signed(breeze, {
    stock_code: 'NIFTY', exchange_code: 'NFO', expiry_date: expiry, product_type: 'options', right: 'call',
  })).then((r) => r.data);
  const shipped = breeze.makeRequest;
  breeze.makeRequest = (method, endpoint, body, headers) =>
    method === 'DELETE' ? axios({ method: 'delete', url: urls.API_URL + endpoint, data: body, headers }) : shipped(method, endpoint, body, headers);
  seen.cancelRepaired = await breeze.cancelOrder({ exchangeCode: 'NFO', orderId: restingId });
  await until('the cancellation', () => seen.orders.some((o) => o.orderReference === restingId && o.orderStatus === 'Cancelled'));

  breeze.socket.disconnect();
  breeze.socketOrder.disconnect();
  breeze.socketOHLCV.disconnect();
}

function signed(breeze, body) {
  return [body, breeze.generateHeaders(body)];
}

main()
  .catch((error) => seen.errors.push(String(error && error.stack ? error.stack : error)))
  .finally(() => {
    seen.candles = seen.candles.slice(0, 3);
    process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(seen.errors.length ? 1 : 0));
  });
