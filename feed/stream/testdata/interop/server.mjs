// A Socket.IO server with Breeze's manners, driven line by line.
// stdin:  {"do":"emit","room":R,"event":E,"arg":A} | {"do":"tell","event":E,"arg":A} | {"do":"drop","what":"session"|"transport"}
// stdout: {"port":N} first, then what clients did.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Server } from "socket.io";

const report = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const server = createServer();
const io = new Server(server, { transports: ["websocket"], pingInterval: 200, pingTimeout: 2000 });

io.use((socket, next) => {
  const { user, token } = socket.handshake.auth;
  next(user === "TESTUSR1" && token === "51606286" ? undefined : new Error("Unauthorized"));
});

io.on("connection", (socket) => {
  report({ did: "connect" });
  socket.conn.on("packet", (packet) => {
    if (packet.type === "pong") report({ did: "pong" });
  });
  for (const name of ["join", "leave"]) {
    socket.on(name, (rooms) => {
      const list = Array.isArray(rooms) ? rooms : [rooms];
      for (const room of list) socket[name](room);
      report({ did: name, rooms: list });
    });
  }
  socket.on("disconnect", (reason) => report({ did: "disconnect", reason }));
});

createInterface({ input: process.stdin }).on("line", (line) => {
  const command = JSON.parse(line);
  switch (command.do) {
    case "emit":
      io.to(command.room).emit(command.event, command.arg);
      break;
    case "tell":
      io.emit(command.event, command.arg);
      break;
    case "drop":
      for (const socket of io.sockets.sockets.values()) {
        command.what === "session" ? socket.disconnect(false) : socket.conn.close();
      }
      break;
  }
}).on("close", () => process.exit(0));

server.listen(0, "127.0.0.1", () => report({ port: server.address().port }));
