"""Sockets that nobody waits for, be it that a client does not send or that it does not read."""

import contextlib
import socket
from typing import Any


def stop_receiving(connection: socket.socket) -> None:
    """Close the receiving half of a connection: a read that hangs on it ends, an answer still leaves."""
    try:
        # Not the method of a TLS connection: what is sent after that one leaves unencrypted.
        socket.socket.shutdown(connection, socket.SHUT_RD)
    except OSError:
        return


class PatientSocket(socket.socket):
    """A connection on which sending never waits: what its client does not take yet is kept.

    Args:
        connected: the connection, which this one takes over.

    Attributes:
        unsent: what is kept, for `send_rest`.
    """

    def __init__(self, connected: socket.socket) -> None:
        super().__init__(connected.family, connected.type, connected.proto, connected.detach())
        self.unsent = b""

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send what the client takes, after what is kept, and keep the rest."""
        del flags
        self.unsent += data
        self.send_rest()

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send or keep all of it."""
        self.sendall(data, flags)
        return len(data)

    def send_rest(self) -> None:
        """Send of what is kept as much as the client takes now."""
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                self.unsent = self.unsent[super().send(self.unsent, socket.MSG_DONTWAIT) :]
