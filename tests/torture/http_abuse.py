"""Requests that break HTTP, or stretch it: lengths, chunks, heads, forms, methods, pace, hang-ups."""

import random
from collections.abc import Callable, Iterator, Mapping

from tests.torture.raw_http import TYPE, Spoken, form, head, post

_PHOTO = 'Content-Disposition: form-data; name="photo"; filename="a.jpg"'
_FORM = "Content-Type: multipart/form-data; boundary=frontier"
_METHODS = (
    "GET",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "post",
    "P\x00ST",
    "X" * 300,
)
_PATHS = (
    *("/", "//identify", "/identify/", "/identify/..%2f..%2fetc/passwd", "/%00", "/fruits/%ff%fe", "*", ""),
    *("/identify?top=-1", "/identify?top=1e99", "/identify?lang=../../etc", "/identify?" + "a=b&" * 900),
    *("/identify?lang=%00", "http://elsewhere.example/identify", "/fruits?q=" + "%F0%9F%8D%8E" * 200),
    *("/identify#x", "/identify?top=5&top=6", "/fruits/apple?lang=" + "x" * 3_000, "/" + "a/" * 1_500),
)
_LENGTHS = ("-1", "abc", "+5", "0x10", "1e3", "9" * 40, "5, 5", "5 5", "", "1_000", "٣")
_CHUNKS = (
    *(b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabcde\r\n0\r\n\r\n", b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    *(
        b"5\nabcde\n0\n\n",
        b"5\r\nabcdefgh\r\n0\r\n\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"5 \r\nabcde\r\n0\r\n\r\n",
    ),
    *(b"5;" + b"a" * 20_000 + b"\r\nabcde\r\n0\r\n\r\n", b"\r\n\r\n", b"5;a\nb\r\nabcde\r\n0\r\n\r\n"),
    *(b"1\r\na\r\n" * 5_000 + b"0\r\n\r\n", b"5\r\nabcde\r\n0\r\n" + b"a: b\r\n" * 3_000 + b"\r\n"),
    *(b"5\r\nabcde\r\n0\r\nbad trailer\r\n\r\n", b"80000000\r\nabc", b"ffffffff\r\n" + bytes(100)),
)
_CODINGS = (
    "gzip, chunked",
    "chunked, identity",
    "identity",
    "chunked, chunked",
    "xchunked",
    "chunked\x0b",
    "",
)
_HEADERS = (
    *("A: " + "b" * 9_000, "B" * 9_000 + ": a", "no colon", ": empty", "Sp ace: a", "A : b", "A:\x00b"),
    *(
        "A: b\rC: d",
        "A: b\n C: d",
        " folded: a",
        "Ü: a",
        "X-Request-Id: a\x1bb",
        "X-Request-Id: " + "a" * 5_000,
    ),
    *("Host: other", "Expect: 100-continue", "Expect: miracles", "Connection: Upgrade\r\nUpgrade: h2c"),
    *("Upgrade: websocket", "Accept-Language: " + "en;q=0.1," * 700, "Accept-Encoding: " + "gzip," * 900),
    *("X-Forwarded-For: <script>", "X-Forwarded-Proto: gopher", "Content-Encoding: gzip", "Range: bytes=0-"),
    *(
        "Cookie: " + "a=b;" * 1_900,
        "If-None-Match: " + '"a",' * 1_000,
        "Authorization: Basic !!!",
        "Script-Name: /x",
    ),
    *(
        "Transfer-Encoding: chunked",
        "Content-Type: image/png",
        "SCRIPT_NAME: /etc",
        "PATH_INFO: /etc",
        "Date: \xff\xfe",
    ),
)
_TYPES = (
    *(
        "application/json",
        "text/html",
        "image/",
        "*/*",
        "",
        "image/jpeg; charset=" + "x" * 5_000,
        "multipart/mixed",
    ),
    *(
        "multipart/form-data",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "b" * 5_000,
    ),
    *(
        "multipart/form-data; boundary=a\tb",
        'multipart/form-data; boundary="a\\"b',
        "multipart/form-data; boundary=é",
    ),
    *(
        "multipart/form-data; boundary*=utf-8''%00",
        "application/x-www-form-urlencoded",
        "image/svg+xml",
        "a/b/c;;;=",
    ),
)
_PARTS = (
    *(
        'Content-Disposition: form-data; name=""; filename="a"',
        "Content-Disposition: form-data",
        "",
        "nonsense",
    ),
    *(
        'Content-Disposition: form-data; name="photo[]"; filename="a"',
        'Content-Disposition: form-data; name="photo"',
    ),
    *('Content-Disposition: form-data; name="__proto__"; filename="a"', f"{_PHOTO}\r\nContent-Length: -1"),
    *(
        'Content-Disposition: form-data; name="photo\x00"; filename="a"',
        "Content-Disposition: attachment; x=1",
    ),
    *(
        'Content-Disposition: form-data; name="photo"; filename="../../etc/passwd"',
        f"{_PHOTO}\r\n" + "a: b\r\n" * 900,
    ),
    *(
        "Content-Disposition: form-data; name=photo; filename*=utf-8''%ff%fe%00",
        f"{_PHOTO}; x=" + "y" * 90_000,
    ),
    *('Content-Disposition: form-data; name="' + "n" * 90_000 + '"; filename="a"', f"{_PHOTO}\r\n{_PHOTO}"),
    *(
        f"{_PHOTO}\r\nContent-Type: multipart/mixed; boundary=inner",
        f"{_PHOTO}\r\nContent-Transfer-Encoding: base64",
    ),
    *(f"{_PHOTO}\r\nContent-Type: text/plain; charset=utf-7", f"{_PHOTO}\r\n folded: yes", "A" * 200_000),
)
_NO_HTTP = (
    *(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"\0" * 300, b"SSH-2.0-OpenSSH_9\r\n"),
    *(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"GET /\r\n\r\n",
        b"\r\n" * 500,
    ),
    *(
        b"GET / HTTP/3.7\r\n\r\n",
        b"GET / HTTP/1.1 x\r\n\r\n",
        b"POST /identify HTTQ/1.1\r\n\r\n",
        b"helo x\r\n\r\n",
    ),
    *(
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET " + b"/a" * 5_000 + b" HTTP/1.1\r\n\r\n",
        b"EHLO a\r\nQUIT\r\n\r\n",
    ),
)


def abuse(chance: random.Random, photo: bytes) -> tuple[str, Spoken]:
    """Choose one kind of abuse and one case of it."""
    kind = chance.choice(sorted(_KINDS))
    return kind, _KINDS[kind](chance, photo)


def slowness(chance: random.Random, photo: bytes) -> tuple[str, Spoken]:
    """Choose a client that sends slowly, or falls silent; each waits longer than the server's deadlines."""
    kind = chance.choice(sorted(_SLOW))
    # On a busy machine even the head may take too long, which is not answered.
    return kind, Spoken(_SLOW[kind](chance, photo), unanswered=True)


def _wrong_length(chance: random.Random, photo: bytes) -> Spoken:
    length = len(photo)
    lines = chance.choice(
        (
            *((f"Content-Length: {told}",) for told in (*_LENGTHS, length + 500, length * 100, 10**9)),
            *((f"Content-Length: {told}",) for told in (length // 2, 1, 0)),
            *((f"Content-Length: {length}", f"Content-Length: {other}") for other in (length, length - 1, 0)),
            (f"Content-Length: {length}", "Transfer-Encoding: chunked"),
            (),
        )
    )
    sent = "\r\n".join(lines).encode()
    request = head(TYPE).replace(b"\r\n\r\n", b"\r\n" + sent + b"\r\n\r\n" if sent else b"\r\n\r\n")
    return Spoken((request + photo,), half_closes=True)


def _chunked(chance: random.Random, photo: bytes) -> Spoken:
    coding = chance.choice(("chunked", "chunked", "chunked", *_CODINGS))
    body = chance.choice((*_CHUNKS, b"%x\r\n" % len(photo) + photo + b"\r\n0\r\n\r\n"))
    return Spoken((head(TYPE, f"Transfer-Encoding: {coding}") + body,), half_closes=True)


def _odd_headers(chance: random.Random, photo: bytes) -> Spoken:
    if chance.random() < 0.2:
        many = chance.choice((90, 150, 3_000))
        lines = [f"X-{number}: {'v' * chance.choice((1, 60, 700))}" for number in range(many)]
    else:
        lines = chance.sample(_HEADERS, chance.choice((1, 1, 2)))
    sent = "\r\n".join(lines).encode("utf-8", "surrogateescape")
    request = post(photo, TYPE).replace(
        b"\r\nConnection: close\r\n", b"\r\nConnection: close\r\n" + sent + b"\r\n", 1
    )
    return Spoken((request,), half_closes=True)


def _odd_forms(chance: random.Random, photo: bytes) -> Spoken:
    several = (
        [(_PHOTO, photo)] * 6,
        [(_PHOTO, b"a")] * 3_000,
        [("Content-Disposition: form-data; name=a", b"")] * 900,
    )
    parts = chance.choice((*([(lines, photo)] for lines in _PARTS), *several))
    request = form(parts)
    if chance.random() < 0.3:
        request = request.replace(
            *chance.choice(((b"--frontier--", b""), (b"\r\n--", b"\n--"), (b"--f", b"-f")))
        )
    return Spoken((request,), half_closes=True)


def _nested_form(chance: random.Random, photo: bytes) -> Spoken:
    body = photo
    for level in range(chance.choice((2, 30, 400))):
        body = (
            f"--b{level}\r\n{_PHOTO}\r\nContent-Type: multipart/mixed; boundary=b{level}\r\n\r\n".encode()
            + body
        )
        body += f"\r\n--b{level}--\r\n".encode()
    return Spoken((form([(_PHOTO, body)]),), half_closes=True)


def _hangs_up(chance: random.Random, photo: bytes) -> Spoken:
    request = chance.choice((post(photo, TYPE), form([(_PHOTO, photo)])))
    return Spoken((request[: chance.randrange(len(request) + 1)],), hangs_up=True)


def _stops_early(chance: random.Random, photo: bytes) -> Spoken:
    request = chance.choice((post(photo, TYPE), form([(_PHOTO, photo)])))
    at = chance.randrange(len(request))
    return Spoken((request[:at],), half_closes=True, unanswered=b"\r\n\r\n" not in request[:at])


def _too_large(chance: random.Random, photo: bytes) -> Spoken:
    size = chance.choice((20_000_001, 25_000_000))
    return Spoken((post(photo.ljust(size, b"\0"), chance.choice((TYPE, _FORM))),), half_closes=True)


_KINDS: Mapping[str, Callable[[random.Random, bytes], Spoken]] = {
    "wrong length": _wrong_length,
    "chunks": _chunked,
    "odd headers": _odd_headers,
    "odd forms": _odd_forms,
    "nested forms": _nested_form,
    "hung up": _hangs_up,
    "stopped early": _stops_early,
    "odd types": lambda chance, photo: Spoken(
        (post(photo, f"Content-Type: {chance.choice(_TYPES)}"),), half_closes=True
    ),
    "odd methods": lambda chance, photo: Spoken(
        (post(photo, TYPE, line=f"{chance.choice(_METHODS)} /identify HTTP/1.1"),), half_closes=True
    ),
    "odd paths": lambda chance, photo: Spoken(
        (post(photo, TYPE, line=f"POST {chance.choice(_PATHS)} HTTP/1.1"),), half_closes=True
    ),
    "no HTTP": lambda chance, photo: Spoken((chance.choice(_NO_HTTP),), half_closes=True, unanswered=True),
    "too large": _too_large,
}


def _dripping(data: bytes, size: int, pause_s: float) -> Iterator[bytes | float]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
        yield pause_s


_SLOW: Mapping[str, Callable[[random.Random, bytes], tuple[bytes | float, ...]]] = {
    "slow head": lambda chance, photo: tuple(_dripping(post(photo, TYPE)[:120], 1, 0.2)),
    "slow body": lambda chance, photo: (head(TYPE, "Content-Length: 9000"), *_dripping(photo[:60], 1, 0.2)),
    "slow chunks": lambda chance, photo: (
        head(TYPE, "Transfer-Encoding: chunked"),
        *_dripping(b"1\r\na\r\n" * 60, 6, 0.2),
    ),
    "slow form": lambda chance, photo: tuple(_dripping(form([(_PHOTO, photo)]), 40, 0.2)),
    "silent": lambda chance, photo: (12.0,),
    "silent in its head": lambda chance, photo: (post(photo, TYPE)[:40], 12.0),
    "silent in its body": lambda chance, photo: (post(photo, TYPE)[: -len(photo) // 2], 12.0),
    "silent in a chunk": lambda chance, photo: (
        head(TYPE, "Transfer-Encoding: chunked") + b"ffff\r\nabc",
        12.0,
    ),
    "slow with much": lambda chance, photo: (
        head(TYPE, "Content-Length: 19000000"),
        photo.ljust(18_000_000, b"\0"),
        12.0,
    ),
}
