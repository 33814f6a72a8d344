// A WebSocket server by the npm package ws, which nobody of Prony wrote, with the paths that the embedded target has.
//
//     node server.js [--port N] [--cert FILE --key FILE] [--traces FILE]
//
// With --traces it writes the `traceparent` of each handshake into a file, a line each. The first line it prints is its port. It runs until its standard input ends, so that it goes with whoever started it.
//
//   /echo             what is sent comes back; `?delay=MS` waits, `?fragments=N` answers in so many frames
//   /room/NAME        what one sends, all get
//   /feed             `?rate=N&count=N`: numbered messages, then a closing frame; `&skip=N` leaves each N-th out
//   /close            `?code=N&reason=TEXT&after=N`: a closing frame after so many answers
//   /protocols        takes the subprotocol chat.v2 or chat.v1, and tells which, with the headers that came
//   /private          401 without `Authorization: Bearer secret`
//   /moved            307 to /echo
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { parseArgs } = require('node:util');
const { WebSocketServer } = require('ws');

const rooms = new Map();

function echo(socket, query) {
  const delay = Number(query.get('delay') ?? 0);
  const fragments = Number(query.get('fragments') ?? 1);
  const answer = (data, isBinary) => {
    const size = Math.max(1, Math.ceil(data.length / fragments));
    for (let begin = 0; begin === 0 || begin < data.length; begin += size) {
      const fin = begin + size >= data.length;
      socket.send(data.subarray(begin, begin + size), { binary: isBinary, fin });
    }
  };
  socket.on('message', (data, isBinary) => {
    if (delay > 0) {
      setTimeout(answer, delay, data, isBinary);
    } else {
      answer(data, isBinary);
    }
  });
}

function room(socket, name) {
  const members = rooms.get(name) ?? new Set();
  rooms.set(name, members.add(socket));
  socket.on('message', (data, isBinary) => {
    for (const member of members) {
      member.send(data, { binary: isBinary });
    }
  });
  socket.on('close', () => members.delete(socket));
}

function feed(socket, query) {
  const [rate, count] = [Number(query.get('rate') ?? 100), Number(query.get('count') ?? 100)];
  const skip = Number(query.get('skip') ?? 0);
  const begun = performance.now();
  let made = 0;
  const timer = setInterval(() => {
    const due = Math.min(count, Math.floor(((performance.now() - begun) * rate) / 1e3) + 1);
    while (made < due) {
      made += 1;
      if (skip === 0 || made % skip !== 0) {
        socket.send(JSON.stringify({ seq: made, at: Math.round((performance.timeOrigin + performance.now()) * 1e3) }));
      }
    }
    if (made === count) {
      clearInterval(timer);
      socket.close(1000, 'the feed is over');
    }
  }, 1);
  socket.on('close', () => clearInterval(timer));
}

function close(socket, query) {
  const [code, after] = [Number(query.get('code') ?? 1000), Number(query.get('after') ?? 0)];
  const end = () => socket.close(code, query.get('reason') ?? '');
  let answered = 0;
  if (after === 0) {
    end();
  }
  socket.on('message', (data, isBinary) => {
    socket.send(data, { binary: isBinary });
    answered += 1;
    if (answered === after) {
      end();
    }
  });
}

function protocols(socket, request) {
  socket.send(JSON.stringify({ protocol: socket.protocol, headers: request.headers }));
  echo(socket, new URLSearchParams());
}

const { values } = parseArgs({
  options: { port: { type: 'string' }, cert: { type: 'string' }, key: { type: 'string' }, traces: { type: 'string' } },
});
const server = values.cert
  ? https.createServer({ cert: fs.readFileSync(values.cert), key: fs.readFileSync(values.key) })
  : http.createServer();
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: 16_000_000,
  handleProtocols: (offered) => ['chat.v2', 'chat.v1'].find((known) => offered.has(known)) ?? false,
});

function refuse(socket, head, body = '') {
  socket.end(`HTTP/1.1 ${head}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
}

server.on('upgrade', (request, socket, head) => {
  if (values.traces) {
    fs.appendFileSync(values.traces, `${request.headers.traceparent ?? 'none'}\n`);
  }
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/private' && request.headers.authorization !== 'Bearer secret') {
    refuse(socket, '401 Unauthorized', '{"error":"no token"}');
    return;
  }
  if (pathname === '/moved') {
    refuse(socket, '307 Temporary Redirect\r\nlocation: /echo');
    return;
  }
  const paths = {
    '/echo': (client) => echo(client, searchParams),
    '/private': (client) => echo(client, searchParams),
    '/feed': (client) => feed(client, searchParams),
    '/close': (client) => close(client, searchParams),
    '/protocols': (client) => protocols(client, request),
  };
  const named = pathname.startsWith('/room/') ? (client) => room(client, pathname) : paths[pathname];
  if (!named) {
    refuse(socket, '404 Not Found');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (client) => {
    // What a client breaks is told it by ws, in a closing frame.
    client.on('error', () => {});
    named(client);
  });
});
server.listen(Number(values.port ?? 0), '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
