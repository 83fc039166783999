"""One HTTP/2 connection for waves of gRPC's streamed calls, read after each wave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes

from tools.bench.recording import Chunk, connect, record

_LARGEST_WINDOW = 2**31 - 1
_FIRST_WINDOW = 2**16 - 1
_FRAME_HEAD = 9
_MESSAGE_HEAD = 5
_DATA, _HEADERS, _RST_STREAM, _GOAWAY = 0x0, 0x1, 0x3, 0x7
_END_STREAM = 0x1


class Message(NamedTuple):
    """A message, serialized, and when it came."""

    at: float
    data: bytes


class GrpcConnection:
    """Streams nobody's reading holds back: their windows are as large as HTTP/2 has them."""

    def __init__(self, netloc: str, timeout: float) -> None:
        self._netloc = netloc
        self._timeout = timeout
        self._socket = connect(netloc, timeout)
        self._http2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._http2.initiate_connection()
        self._http2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _LARGEST_WINDOW})
        self._http2.increment_flow_control_window(_LARGEST_WINDOW - _FIRST_WINDOW)
        self._send()
        try:
            self._shake_hands()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection."""
        self._socket.close()

    def wave(self, method: str, requests: Sequence[bytes]) -> tuple[float, list[list[Message]]]:
        """Calls the method with each request at once. Tells when it began, and their messages.

        Raises RuntimeError with the status of a call that failed.
        """
        streams = [self._request(method, request) for request in requests]
        start = perf_counter()
        self._send()
        (chunks,) = record([self._socket], _Ends(len(streams)), self._timeout)
        self._socket.settimeout(self._timeout)  # recording left it without one
        messages = self._read(chunks)
        self._send()
        return start, [messages[stream] for stream in streams]

    def _shake_hands(self) -> None:
        """Waits until either side knows the other's settings: a server does not wait for long."""
        agreed = False
        while not agreed:
            if not (data := self._socket.recv(_FIRST_WINDOW)):
                raise ConnectionError("the server closed the connection")
            events = self._http2.receive_data(data)
            agreed = any(isinstance(event, h2.events.SettingsAcknowledged) for event in events)
            self._send()

    def _request(self, method: str, message: bytes) -> int:
        stream = self._http2.get_next_available_stream_id()
        self._http2.send_headers(
            stream,
            [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", self._netloc),
                (":path", method),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
                ("grpc-timeout", f"{self._timeout:.0f}S"),
            ],
        )
        head = b"\0" + len(message).to_bytes(4, "big")
        self._http2.send_data(stream, head + message, end_stream=True)
        return stream

    def _read(self, chunks: Sequence[Chunk]) -> dict[int, list[Message]]:
        pending: defaultdict[int, bytes] = defaultdict(bytes)
        messages: defaultdict[int, list[Message]] = defaultdict(list)
        for chunk in chunks:
            for event in self._http2.receive_data(chunk.data):
                match event:
                    case h2.events.DataReceived():
                        stream = event.stream_id
                        whole, pending[stream] = _parted(pending[stream] + event.data)
                        messages[stream] += [Message(chunk.at, message) for message in whole]
                        self._http2.acknowledge_received_data(event.flow_controlled_length, stream)
                    case h2.events.TrailersReceived() | h2.events.ResponseReceived():
                        headers = {str(name): str(value) for name, value in event.headers}
                        if headers.get("grpc-status", "0") != "0":
                            raise RuntimeError(f"a call failed: {headers}")
                    case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                        raise RuntimeError(f"a call was ended: {event}")
                    case _:
                        pass
        return messages

    def _send(self) -> None:
        self._socket.sendall(self._http2.data_to_send())


class _Ends:
    """Counts the streams that end, by the heads of the frames alone."""

    def __init__(self, streams: int) -> None:
        self._left = streams
        self._pending = b""

    def __call__(self, data: bytes) -> bool:
        """Whether all have ended, or the connection will."""
        frames = self._pending + data
        at = 0
        while len(frames) - at >= _FRAME_HEAD:
            end = at + _FRAME_HEAD + int.from_bytes(frames[at : at + 3], "big")
            if end > len(frames):
                break
            kind, flags = frames[at + 3], frames[at + 4]
            if kind == _GOAWAY:
                return True
            if kind == _RST_STREAM or (kind in (_DATA, _HEADERS) and flags & _END_STREAM):
                self._left -= 1
            at = end
        self._pending = frames[at:]
        return self._left <= 0


def _parted(data: bytes) -> tuple[list[bytes], bytes]:
    """Parts gRPC's messages, each behind its length; gives what is left of the next one too."""
    messages: list[bytes] = []
    while len(data) >= _MESSAGE_HEAD:
        end = _MESSAGE_HEAD + int.from_bytes(data[1:_MESSAGE_HEAD], "big")
        if len(data) < end:
            break
        messages.append(data[_MESSAGE_HEAD:end])
        data = data[end:]
    return messages, data
