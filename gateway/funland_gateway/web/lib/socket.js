// A stream that goes both ways: a WebSocket, each message JSON. Browsers allow many of them, where they allow six streams.
import { bearer } from "./auth.js";
import { search } from "./api.js";
import { ApiError } from "./problems.js";

/**
 * Opens one. `onMessage` gets each message, `onClose` a problem of the server's, or nothing where it just broke off; it is called once,
 * and not after `close()`.
 */
export function converse(path, query, { onOpen, onMessage, onClose }) {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const token = bearer();
  const protocols = token ? ["funland", `funland.bearer.${token}`] : [];
  const socket = new WebSocket(`${scheme}://${location.host}/funland/v1${path}${search(query)}`, protocols);
  let problem;
  let closed = false;
  socket.onopen = () => onOpen();
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.error) problem = new ApiError(message.error);
    else if (!message.end) onMessage(message);
  };
  socket.onclose = () => {
    if (!closed) onClose(problem);
    closed = true;
  };
  return {
    send: (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message)),
    sendBytes: (bytes) => socket.readyState === WebSocket.OPEN && socket.send(bytes),
    close() {
      closed = true;
      socket.close();
    },
  };
}
