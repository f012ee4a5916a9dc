// A throw-away venue on the real Socket.IO server. It prints its port, and
// obeys one command a line on its standard input.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { pingInterval: 300, pingTimeout: 1000, serveClient: false });
const say = (event) => process.stdout.write(JSON.stringify(event) + "\n");

io.use((socket, next) => {
  const { user, token } = socket.handshake.auth ?? {};
  next(user === "TESTUSR1" && token === "51606286" ? undefined : new Error("Unauthorized"));
});

let sockets = 0;
io.on("connection", (socket) => {
  const number = ++sockets;
  say({ event: "connection", number });
  socket.conn.on("packet", (packet) => packet.type === "pong" && say({ event: "pong", number }));
  socket.on("join", (rooms) => {
    socket.join(rooms);
    say({ event: "join", number, rooms: [rooms].flat() });
  });
  socket.on("leave", (rooms) => {
    for (const room of [rooms].flat()) socket.leave(room);
    say({ event: "leave", number, rooms: [rooms].flat() });
  });
  socket.on("disconnect", (reason) => say({ event: "disconnect", number, reason }));
});

const quote = (token, n) => [`4.1!${token}`, 98, 100.05, 120, 90, 1.05, 100, 650, 100.1, 1300, 65, 101.37, 4763100, n % 2 ? null : "", n, 1974300, 548625, "38.31C", "", 0.05, 539.15, 1795420800, 99];
const level = (i) => [100 - i / 20, 650 + 65 * i, 3 + i, "", 100.1 + i / 20, 1300 + 65 * i, 5 + i, ""];
let flowing, published = 0;

const commands = {
  quote: (token, n) => io.to(`4.1!${token}`).emit("stock", quote(token, Number(n))),
  depth: (token) => io.to(`4.2!${token}`).emit("stock", [`4.2!${token}`, 1795420800, [0, 1, 2, 3, 4].map(level)]),
  41: () => io.disconnectSockets(false),
  close: () => {
    for (const socket of io.sockets.sockets.values()) socket.conn.close();
  },
  flow: () => {
    flowing = setInterval(() => {
      for (let i = 0; i < 5; i++) {
        published++;
        const token = 42505 + (published % 3);
        io.to(`4.1!${token}`).emit("stock", quote(token, published));
      }
    }, 2);
  },
  halt: () => {
    clearInterval(flowing);
    say({ event: "published", number: published });
  },
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [name, ...args] = line.split(" ");
    commands[name](...args);
  })
  .on("close", () => process.exit(0)); // the test is gone

http.listen(0, "127.0.0.1", () => say({ event: "listening", number: http.address().port }));
