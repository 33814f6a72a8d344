// prony.demo.v1.Shop by grpc-js: a server that nobody of Prony wrote, with the behaviour that the embedded target has.
//
// The first line it prints is its port. It serves reflection (v1 and v1alpha) and health as well, and runs until its
// standard input ends, so that it goes with whoever started it.
//
//     node server.js [--cert FILE --key FILE [--client-ca FILE]]
//
// With --cert and --key it speaks TLS, with --client-ca it asks clients for a certificate of that CA.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { ReflectionService } = require('@grpc/reflection');
const { HealthImplementation } = require('grpc-health-check');

const PROTOS = path.resolve(__dirname, '../../../protocol-grpc/proto');
const LONGEST = 16_000_000;
const MOST_HELD = 16_000_000;
const NOT_ECHOED = ['te', 'content-type', 'content-length', 'user-agent', 'accept-encoding', 'date'];

const definition = loader.loadSync('prony/demo/v1/shop.proto', {
  includeDirs: [PROTOS],
  keepCase: true,
  // As text: ids have 64 bits, more than a number of this language keeps.
  longs: String,
  enums: String,
  defaults: true,
});
const shop = grpc.loadPackageDefinition(definition).prony.demo.v1.Shop;

class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

function item(id) {
  const number = BigInt(id);
  if (number === 0n) {
    throw new Failure(grpc.status.NOT_FOUND, 'no item 0: ids are whole numbers from 1 on');
  }
  const price = 100 + Number(BigInt.asUintN(64, number * 37n) % 9_900n);
  return { id, name: `Item ${id}`, price, tags: ['demo', number % 2n === 0n ? 'even' : 'odd'] };
}

function orderId(itemId, quantity) {
  const order = `${itemId}-${quantity}`;
  let sum = 0x811c9dc5;
  for (const byte of Buffer.from(order)) {
    sum = Math.imul(sum ^ byte, 0x01000193) >>> 0;
  }
  return `${order}-${sum.toString(16).padStart(8, '0')}`;
}

function unary(answer) {
  return (call, callback) => {
    try {
      callback(null, ...answer(call));
    } catch (failure) {
      callback(failure);
    }
  };
}

function getItem({ request }) {
  return [item(request.id)];
}

function addItem({ request: { item_id, quantity } }) {
  const { price } = item(item_id);
  if (quantity < 1 || quantity > 1_000) {
    throw new Failure(grpc.status.INVALID_ARGUMENT, `quantity: expected 1 to 1000, found ${quantity}`);
  }
  return [{ order_id: orderId(item_id, quantity), total: price * quantity }];
}

function placeOrder({ request: { order_id } }) {
  const [itemId, quantity] = order_id.split('-');
  if (!/^\d+-\d+-/.test(order_id) || orderId(itemId, quantity) !== order_id) {
    throw new Failure(
      grpc.status.NOT_FOUND,
      `no order ${JSON.stringify(order_id)}: expected an order_id that AddItem returned`,
    );
  }
  const found = item(itemId);
  const total = found.price * Number(quantity);
  return [{ order_id, item: found, quantity: Number(quantity), total, state: 'ORDER_STATE_PLACED' }];
}

function echo(call) {
  const { payload, text, reply_size } = call.request;
  const [headers, trailers] = [new grpc.Metadata(), new grpc.Metadata()];
  for (const key of Object.keys(call.metadata.getMap())) {
    if (!/^(grpc|prony)-/.test(key) && !NOT_ECHOED.includes(key)) {
      for (const value of call.metadata.get(key)) {
        (key.startsWith('trailer-') ? trailers : headers).add(key, value);
      }
    }
  }
  if (reply_size > LONGEST) {
    throw new Failure(
      grpc.status.INVALID_ARGUMENT,
      `reply_size: expected at most ${LONGEST}, found ${reply_size}`,
    );
  }
  call.sendMetadata(headers);
  return [{ payload: reply_size ? Buffer.alloc(reply_size) : payload, text }, trailers];
}

function watch(call) {
  const { size } = call.request;
  if (size > LONGEST) {
    const message = `size: expected at most ${LONGEST}, found ${size}`;
    call.emit('error', new Failure(grpc.status.INVALID_ARGUMENT, message));
    return;
  }
  const [count, interval] = [Number(call.request.count), Number(call.request.interval_us) / 1e3];
  const payload = Buffer.alloc(size);
  const begun = performance.now();
  let sequence = 0;
  const next = () => {
    if (call.cancelled) {
      return;
    }
    if (count > 0 && sequence === count) {
      call.end();
      return;
    }
    sequence += 1;
    const made_us = Math.round((performance.timeOrigin + performance.now()) * 1e3);
    const more = call.write({ sequence, made_us, payload });
    const wait = begun + sequence * interval - performance.now();
    if (!more) {
      call.once('drain', next);
    } else if (wait > 0) {
      setTimeout(next, wait);
    } else {
      setImmediate(next);
    }
  };
  next();
}

function upload(call, callback) {
  const reply = { messages: 0, bytes: 0 };
  call.on('data', ({ data }) => {
    reply.messages += 1;
    reply.bytes += data.length;
  });
  call.on('end', () => callback(null, reply));
}

function chat(call) {
  let sequence = 0;
  let held = [];
  const release = (until) => {
    held.sort((one, other) => one.until - other.until);
    while (held.length > 0 && held[0].until <= until) {
      call.write(held.shift().reply);
    }
  };
  const fail = (code, message) => call.emit('error', new Failure(code, message));
  call.on('data', ({ key, payload, hold }) => {
    sequence += 1;
    const reply = { key, payload, sequence };
    if (hold > 1_000) {
      fail(grpc.status.INVALID_ARGUMENT, `hold: expected at most 1000, found ${hold}`);
      return;
    }
    if (hold === 0) {
      call.write(reply);
    } else {
      held.push({ until: sequence + hold, reply });
      const bytes = held.reduce((sum, { reply }) => sum + reply.key.length + reply.payload.length, 0);
      if (bytes > MOST_HELD) {
        held = [];
        fail(grpc.status.RESOURCE_EXHAUSTED, `replies that are held may have ${MOST_HELD} bytes together`);
        return;
      }
    }
    release(sequence);
  });
  call.on('end', () => {
    release(Infinity);
    call.end();
  });
}

function credentials({ cert, key, 'client-ca': clientCa }) {
  if (!cert) {
    return grpc.ServerCredentials.createInsecure();
  }
  const pair = { private_key: fs.readFileSync(key), cert_chain: fs.readFileSync(cert) };
  return grpc.ServerCredentials.createSsl(clientCa ? fs.readFileSync(clientCa) : null, [pair], Boolean(clientCa));
}

const { values } = parseArgs({
  options: { cert: { type: 'string' }, key: { type: 'string' }, 'client-ca': { type: 'string' } },
});
if (Boolean(values.cert) !== Boolean(values.key) || (values['client-ca'] && !values.cert)) {
  console.error('--cert and --key go together, and --client-ca goes with both');
  process.exit(2);
}

const server = new grpc.Server();
server.addService(shop.service, {
  GetItem: unary(getItem),
  AddItem: unary(addItem),
  PlaceOrder: unary(placeOrder),
  Echo: unary(echo),
  Watch: watch,
  Upload: upload,
  Chat: chat,
});
new ReflectionService(definition).addToServer(server);
new HealthImplementation({ '': 'SERVING', 'prony.demo.v1.Shop': 'SERVING' }).addToServer(server);
server.bindAsync('127.0.0.1:0', credentials(values), (error, port) => {
  if (error) {
    console.error(error.message);
    process.exit(1);
  }
  console.log(port);
});
process.stdin.resume();
process.stdin.on('end', () => server.forceShutdown());
