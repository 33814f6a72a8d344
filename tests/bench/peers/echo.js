// A closed load of echoes by the npm package ws, as the bench's peer: node echo.js URL CONNECTIONS SECONDS LETTERS
//
// Prints the round trips, and their 99th percentile in microseconds.
'use strict';

const { WebSocket } = require('ws');

const [url, connections, seconds, letters] = process.argv.slice(2).map((word, at) => (at === 0 ? word : Number(word)));
const text = 'x'.repeat(letters);
const times = [];
let ended = false;

for (let number = 0; number < connections; number += 1) {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  let sent = 0;
  const send = () => {
    sent = performance.now();
    socket.send(text);
  };
  socket.on('open', send);
  socket.on('message', () => {
    times.push((performance.now() - sent) * 1e3);
    if (!ended) {
      send();
    }
  });
}
setTimeout(() => {
  ended = true;
  times.sort((one, other) => one - other);
  console.log(times.length, times[Math.floor(times.length * 0.99)].toFixed(0));
  process.exit(0);
}, seconds * 1e3);
