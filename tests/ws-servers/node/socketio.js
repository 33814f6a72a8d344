// A Socket.IO server by the npm package socket.io: a chat with rooms, and acknowledgements.
//
//     node socketio.js
//
// The first line it prints is its port. It runs until its standard input ends.
//
//   add {a, b}        acknowledged with their sum
//   join NAME         enters a room, acknowledged with how many are in it
//   say {room, text}  all in the room get `said {room, text, from}`
//   namespace /admin  refuses whoever has no token "secret" in its handshake
'use strict';

const http = require('node:http');
const { Server } = require('socket.io');

const server = http.createServer();
const io = new Server(server, { pingInterval: 500, pingTimeout: 5_000 });

io.on('connection', (socket) => {
  socket.on('add', ({ a, b }, acknowledge) => acknowledge({ sum: a + b }));
  socket.on('join', (name, acknowledge) => {
    socket.join(name);
    acknowledge(io.sockets.adapter.rooms.get(name).size);
  });
  socket.on('say', ({ room, text }) => io.to(room).emit('said', { room, text, from: socket.id }));
});

const admin = io.of('/admin');
admin.use((socket, next) => next(socket.handshake.auth.token === 'secret' ? undefined : new Error('no token')));
admin.on('connection', (socket) => socket.on('whoami', (acknowledge) => acknowledge('admin')));

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
