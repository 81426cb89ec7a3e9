"""WebSockets on the wire: uvicorn's protocol, and what keeps one client from harming the others.

Frames are read by Python, some ten microseconds each however small, and a whole chunk of them goes
through without anybody else having a turn: a quarter of a megabyte of empty ones keeps a process
from answering for a second. So they are counted. Pings are answered before any application hears of
them; a client that sends them and reads nothing would have the answers pile up here. So nothing is
read from whoever does not read.
"""

from time import monotonic

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

FRAMES_A_SECOND = 200
"""What a client may send in a second, whatever the frames are; more of them close it (1008)."""

_SLICE = 1024
"""Bytes that are read before the frames in them are counted."""


class FramesProtocol(WebSocketsSansIOProtocol):
    """One connection."""

    _since = 0.0
    _frames = 0

    def data_received(self, data: bytes) -> None:
        for at in range(0, len(data), _SLICE):
            if self.transport.is_closing():
                return
            super().data_received(data[at : at + _SLICE])
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                # What it is told of a request that cannot be read would not be sent otherwise.
                self.handshake_complete = self.close_sent = True
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.transport.close()

    def handle_text(self, event: Frame) -> None:
        if self._may_come():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        if self._may_come():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        if self._may_come():
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self._may_come():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        if self._may_come():
            super().handle_pong(event)

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                # It would be closed as well, and logged as a failure of ours.
                self.conn.fail(1007, "A text must be UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Ends a connection on which something came that must not."""
        # Whoever is about to say something learns that nobody is there, not that it is an error.
        self.disconnected = True
        if self.conn.close_sent is None:
            # Nobody has accepted it yet: there is no way to say what is wrong.
            self.close_sent = True
            self.transport.abort()
            return
        super().handle_parser_exception()
        # Closed, it would wait until somebody reads what is still to be written.
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.read_paused:
            self.transport.resume_reading()

    async def receive(self) -> ASGIReceiveEvent:
        message = await super().receive()
        if not self.writable.is_set():
            self.transport.pause_reading()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.close_sent and self.initial_response is not None:
            # A refusal of the handshake, all of it. Without this it would be told as our failure.
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # He has been waited for long enough.
        self.disconnected = True
        self.transport.abort()

    def _may_come(self) -> bool:
        """Whether a frame is one of as many as may come. Closes the connection where it is not."""
        if self.close_sent:
            # Nothing counts any more but the answer to our close.
            return False
        now = monotonic()
        if now - self._since >= 1:
            self._since, self._frames = now, 0
        self._frames += 1
        if self._frames <= FRAMES_A_SECOND:
            return True
        self.conn.fail(1008, f"More than {FRAMES_A_SECOND} frames in a second")
        self.handle_parser_exception()
        return False
