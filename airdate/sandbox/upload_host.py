"""The upload host: PUTs of chunks, strictly in order, straight from the socket to the disk.

h11 reads the heads of requests and writes the answers; the bodies go around it, into one buffer and from there to the
file. Through an ASGI server every byte is copied five times on its way, which costs nine tenths of the speed; and it
has no way to break a connection at a certain byte, which a rehearsal of bad days needs.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import NoReturn
from urllib.parse import parse_qs, urlsplit

import h11

from airdate.sandbox import processing
from airdate.sandbox.answers import gateway_page, new_log_id
from airdate.sandbox.calls import Call
from airdate.sandbox.faults import CallName, UploadFault
from airdate.sandbox.posts import Post, Upload
from airdate.sandbox.rules import CONTENT_TYPES
from airdate.sandbox.state import State
from airdate.sandbox.wire import reset_on_close

BLOCK = 2**20
"""Bytes between the socket and the disk; all that one connection holds of a film."""

HEAD_READ = 2**16
"""Bytes read for a head at once, so at most so many of a body come with it; also the steps of a slow chunk."""

IDLE_S = 120.0
"""A connection on which nothing comes for so long is closed."""

_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


class _Gone(Exception):
    """The connection ended, or was ended by a fault."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""


class _Refused(Exception):
    """The chunk is not taken; carries the answer."""

    def __init__(self, status: int, body: str = "") -> None:
        super().__init__(status)
        self.answer = _Answer(status, body=body)


@dataclass(frozen=True, slots=True)
class _Put:
    """A request's head."""

    call: Call
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]

    @property
    def range(self) -> tuple[int, int, int] | None:
        """First byte, last byte and total of its Content-Range."""
        found = _RANGE.fullmatch(self.headers.get("content-range", ""))
        return None if found is None else (int(found[1]), int(found[2]), int(found[3]))

    def meets(self, fault: UploadFault) -> bool:
        """Whether the fault is for this one; a break at a certain byte waits for the chunk that holds it."""
        if fault.reset_at_byte is None:
            return True
        return self.range is not None and self.range[0] <= fault.reset_at_byte <= self.range[1]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """What a PUT announces, after everything that can be checked in its head was."""

    post: Post
    upload: Upload
    first: int
    last: int
    content_type: str


class UploadHost:
    """Listens on a socket until it is closed."""

    def __init__(self, state: State, listener: socket.socket) -> None:
        """Serve `listener`, which listens already."""
        self._state = state
        self._listener = listener
        self._listener.setblocking(False)
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(_Connection(self._state, connection).serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End the connections that are open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Connection:
    """One connection: requests one after the other."""

    def __init__(self, state: State, connection: socket.socket) -> None:
        self._state = state
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(BLOCK))
        self._early = b""

    async def serve(self) -> None:
        """Answer requests until the connection ends."""
        with self._socket, suppress(_Gone, OSError, TimeoutError, h11.ProtocolError):
            while await self._request():
                pass

    async def _request(self) -> bool:
        """Answer one request; false when the connection must end after it."""
        http = h11.Connection(h11.SERVER)
        request = await self._head(http)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in request.headers}
        length = headers.get("content-length", "")
        left = int(length) - len(self._early) if length.isdecimal() else 0
        url = urlsplit(request.target.decode("ascii", "replace"))
        state = self._state
        call = state.calls.begin(CallName.UPLOAD, request.method.decode(), url.path, headers.items(), state.now())
        put = _Put(call, parse_qs(url.query), headers)
        fault = state.faults.take(CallName.UPLOAD, UploadFault, put.meets) or UploadFault()
        if fault.reset:
            self._break(call)
        try:
            if fault.status is not None:
                raise _Refused(fault.status, gateway_page(fault.status) if fault.html else fault.body)
            chunk = self._checked(put, fault)
            if http.they_are_waiting_for_100_continue:
                await self._send(http.send(h11.InformationalResponse(status_code=100, headers=[])))
            answer = await self._take(call, chunk, fault)
            left = 0
        except _Refused as no:
            answer = no.answer
        await asyncio.sleep(fault.delay_seconds)
        if fault.lose_answer:
            self._break(call)
        call.status = answer.status
        unread = left > 0 or not length.isdecimal()
        # Who waits to be told to send his body will not send it now.
        close = not length.isdecimal() or (unread and http.they_are_waiting_for_100_continue)
        await self._answer(http, answer, fault.retry_after, close=close)
        if not close:
            await self._drain(left)
        return not close

    async def _head(self, http: h11.Connection) -> h11.Request:
        """Read the next request's head; what came of its body with it stays in `_early`."""
        while True:
            event = http.next_event()
            if isinstance(event, h11.Request):
                break
            if event is not h11.NEED_DATA:
                raise _Gone
            async with asyncio.timeout(IDLE_S):
                http.receive_data(await self._loop.sock_recv(self._socket, HEAD_READ))
        first = http.next_event()
        self._early = bytes(first.data) if isinstance(first, h11.Data) else b""
        return event

    def _checked(self, put: _Put, fault: UploadFault) -> _Chunk:
        """Everything that TikTok can know before the first byte of the body.

        Raises:
            _Refused: it is not a chunk that may come now.
        """
        (post, upload), rules = self._addressed(put, fault), self._state.rules
        chunks, received = upload.chunks, upload.received
        content_type, length = put.headers.get("content-type", ""), put.headers.get("content-length", "")
        if content_type not in CONTENT_TYPES:
            raise self._broke(put, 400, "wrong_content_type", f"{content_type!r} is none of {', '.join(CONTENT_TYPES)}")
        if not length.isdecimal():
            raise self._broke(put, 400, "no_content_length", "a chunk needs a Content-Length")
        if "content-range" not in put.headers:
            raise self._broke(put, 416, "no_content_range", "a chunk needs a Content-Range")
        if put.range is None:
            raise self._broke(put, 400, "bad_content_range", f"{put.headers['content-range']!r} is no range")
        first, last, total = put.range
        if int(length) != last + 1 - first:
            raise self._broke(put, rules.wrong_length, "wrong_length", f"{length} bytes for the range {first}-{last}")
        if total != chunks.size or chunks.range_from(first) != (first, last):
            raise self._broke(put, 416, "wrong_range", f"{first}-{last}/{total} is no chunk of the plan")
        if first > received:
            raise self._broke(put, 416, "out_of_order", f"{first} comes before {received} is there")
        if first < received and rules.repeated_range == 416:
            raise _Refused(416)  # whoever lost an answer may ask again, so it breaks no rule
        return _Chunk(post, upload, first, last, content_type)

    def _addressed(self, put: _Put, fault: UploadFault) -> tuple[Post, Upload]:
        """The post whose URL this is and its upload, if it is still one."""
        state, call = self._state, put.call
        if "authorization" in put.headers:
            raise self._broke(put, 400, "bearer_on_upload_host", "the access token must not be sent to this host")
        known = state.post_of_upload(put.query.get("upload_id", [""])[0], put.query.get("upload_token", [""])[0])
        if known is None or call.path != "/upload":
            raise _Refused(404)
        post, upload = known
        call.creator, call.publish_id = post.creator, post.publish_id
        if fault.forget or fault.expire:
            upload.forgotten |= fault.forget
            upload.expires_at = min(upload.expires_at, state.now()) if fault.expire else upload.expires_at
            state.posts.save(post.publish_id)
        if upload.forgotten:
            raise _Refused(404)
        if call.method != "PUT":
            raise self._broke(put, 405, "wrong_method", f"a chunk is PUT, not {call.method}")
        if state.now() >= upload.expires_at:
            raise _Refused(403)
        return post, upload

    async def _take(self, call: Call, chunk: _Chunk, fault: UploadFault) -> _Answer:
        """Receive a chunk's body and write it down."""
        upload = chunk.upload
        upload.turn += 1
        if fault.reset_at_byte is not None:
            await self._receive(chunk, fault.reset_at_byte, fault.bytes_per_second)
            self._break(call)
        await self._receive(chunk, chunk.last + 1, fault.bytes_per_second)
        if self._state.now() >= upload.expires_at:
            raise _Refused(403)
        if chunk.first == upload.received:
            upload.received = chunk.last + 1
            upload.content_type = chunk.content_type
            if upload.complete:
                processing.begin(self._state, chunk.post)
            else:
                self._state.posts.save(chunk.post.publish_id)
        shown = {"count": upload.received, "last": upload.received - 1}.get(self._state.rules.progress_header)
        headers = () if shown is None else (("Content-Range", f"bytes 0-{shown}/{upload.chunks.size}"),)
        return _Answer(201 if upload.complete else 206, headers)

    async def _receive(self, chunk: _Chunk, end: int, bytes_per_second: int | None) -> None:
        """Write the body's bytes up to `end` of the film; of a range that is in already they are only read."""
        portion = BLOCK if bytes_per_second is None else HEAD_READ
        upload, at = chunk.upload, chunk.first
        turn, keep = upload.turn, chunk.first >= upload.received
        early, self._early = self._early[: end - at], b""
        filled = len(early)
        self._buffer[:filled] = early
        file = os.open(upload.path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            while at < end:
                room = min(portion, end - at)
                while filled < room:
                    filled += await self._recv_into(self._buffer[filled:room])
                if keep:
                    await self._loop.run_in_executor(None, _write, file, self._buffer[:room], at)
                if upload.turn != turn:
                    raise _Gone  # the client gave this connection up and sends the chunk on another
                upload.taken += room
                at, filled = at + room, 0
                if bytes_per_second is not None:
                    await asyncio.sleep(room / bytes_per_second)
        finally:
            os.close(file)

    async def _recv_into(self, room: memoryview) -> int:
        async with asyncio.timeout(IDLE_S):
            received = await self._loop.sock_recv_into(self._socket, room)
        if not received:
            raise _Gone
        return received

    async def _drain(self, left: int) -> None:
        """Read what is left of a refused body, so that a client that does not listen meanwhile gets its answer."""
        self._early = b""
        while left > 0:
            left -= await self._recv_into(self._buffer[:left])

    async def _answer(self, http: h11.Connection, answer: _Answer, retry_after: int | None, *, close: bool) -> None:
        headers = [
            *answer.headers,
            ("Content-Length", str(len(answer.body.encode()))),
            ("Date", formatdate(self._state.now(), usegmt=True)),
            ("x-tt-logid", new_log_id(self._state.now())),
        ]
        if answer.body:
            headers.append(("Content-Type", "text/html" if answer.body.startswith("<") else "text/plain"))
        if retry_after is not None:
            headers.append(("Retry-After", str(retry_after)))
        if close:
            headers.append(("Connection", "close"))
        sent = [h11.Response(status_code=answer.status, headers=headers)]
        parts = [http.send(event) for event in (*sent, h11.Data(data=answer.body.encode()), h11.EndOfMessage())]
        await self._send(b"".join(part for part in parts if part))

    async def _send(self, data: bytes | None) -> None:
        await self._loop.sock_sendall(self._socket, data or b"")

    def _broke(self, put: _Put, status: int, rule: str, detail: str) -> _Refused:
        self._state.calls.broke(put.call, rule, detail)
        return _Refused(status)

    def _break(self, call: Call) -> NoReturn:
        """Reset the connection, on a fault's order."""
        call.lost = True
        reset_on_close(self._socket)
        raise _Gone


def _write(file: int, data: memoryview, at: int) -> None:
    """All of it: a single pwrite may take less."""
    while data:
        written = os.pwrite(file, data, at)
        data, at = data[written:], at + written
