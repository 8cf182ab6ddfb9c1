"""The photos of a request, read into memory and nowhere else.

Werkzeug would spool a part above 500 kB to a temporary file, and looks for the boundary with a pattern, which
takes twenty times as long; here every part goes into a capped `BytesIO`.
"""

from flask import Flask, Response, g, request
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from api.body import Body, Part, too_large
from api.deadlines import Deadlines
from api.problems import Refusal
from api.room import MOST_BYTES, Room
from api.settings import Settings

FIELD = "photo"
MAX_PHOTOS = 5
MAX_FORM_PARTS = 50
HOW_TO = (
    "Send 1 to 5 files as multipart field 'photo', or one photo as the body with Content-Type: image/jpeg."
)


def install(app: Flask, settings: Settings) -> None:
    """Give every request its guarded body as `g.body`, and clear away what no view has read of it."""
    room = Room(max(MOST_BYTES, settings.max_request_bytes))
    deadlines = Deadlines("body deadlines")

    @app.before_request
    def guard() -> None:
        g.body = Body(request, settings.max_request_bytes, settings.body_timeout_s, deadlines, room=room)

    @app.after_request
    def clear(response: Response) -> Response:
        if request.content_length or "HTTP_TRANSFER_ENCODING" in request.environ:
            response.call_on_close(g.body.finish)
        return response

    @app.teardown_request
    def release(_error: BaseException | None) -> None:
        if "body" in g:
            g.body.release()


def read_photos(max_photo_bytes: int, max_request_bytes: int) -> list[bytes]:
    """Read the 1 to 5 photos of the current request.

    Returns:
        The bytes of each photo, in the order sent, none empty.

    Raises:
        Refusal: nothing or something else was sent, or too much of it, or too slowly.
    """
    if (request.content_length or 0) > max_request_bytes:
        raise too_large("The request", max_request_bytes)
    if request.mimetype == "multipart/form-data":
        photos = _multipart_photos(g.body, max_photo_bytes)
    else:
        photos = [_raw_photo(g.body, max_photo_bytes)]
    g.photo_count = len(photos)
    return photos


def _raw_photo(body: Body, max_bytes: int) -> bytes:
    if (request.content_length or 0) > max_bytes:
        raise too_large("The photo", max_bytes)
    kind = request.mimetype
    part = Part(1, max_bytes)
    if kind.startswith("image/") or kind == "application/octet-stream":
        while data := body.read():
            part.write(data)
    elif body.read(1):
        raise Refusal(
            "unsupported_body", f"A body of type {kind[:60] or 'unknown'!r} is not read here. {HOW_TO}"
        )
    if not part.getvalue():
        raise Refusal("no_photo", f"The request has no body. {HOW_TO}")
    return part.getvalue()


def _multipart_photos(body: Body, max_bytes: int) -> list[bytes]:
    photos: list[tuple[str, Part]] = []
    if not (data := body.read()):
        return _checked([])
    boundary = request.mimetype_params.get("boundary", "")
    try:
        # Every byte is a letter in latin-1: what a client calls its file is nobody's business.
        parser = PushMultipartParser(boundary, header_charset="latin-1", max_segment_count=MAX_FORM_PARTS)
        while data:
            for event in parser.parse(data):
                if isinstance(event, MultipartSegment):
                    photos.append((_file_name(event), Part(len(photos) + 1, max_bytes)))
                elif event:
                    photos[-1][1].write(event)
            data = body.read()
        parser.close()
    except ParserLimitReached:
        raise Refusal("unexpected_field", f"Too many or too large fields. {HOW_TO}") from None
    except MultipartError:
        raise Refusal(
            "malformed_body", f"The multipart body is incomplete or has no boundary. {HOW_TO}"
        ) from None
    # A browser sends a form without a chosen file as a part with neither name nor bytes.
    return _checked([part.getvalue() for name, part in photos if name or part.tell()])


def _file_name(part: MultipartSegment) -> str:
    """Give the file name of a part, refused when it is no photo: nothing is kept of such."""
    if part.name != FIELD:
        name = (part.name or "").encode("latin-1").decode(errors="replace")
        raise Refusal("unexpected_field", f"Field {name[:40]!r} is not known here. {HOW_TO}")
    if part.filename is None:
        raise Refusal("photo_not_a_file", f"The field 'photo' holds text, not a file. {HOW_TO}")
    return str(part.filename)


def _checked(photos: list[bytes]) -> list[bytes]:
    if not photos:
        raise Refusal("no_photo", f"The request holds no photo. {HOW_TO}")
    if len(photos) > MAX_PHOTOS:
        raise Refusal(
            "too_many_photos", f"{len(photos)} photos were sent; the most is {MAX_PHOTOS}. {HOW_TO}"
        )
    for number, data in enumerate(photos, start=1):
        if not data:
            raise Refusal(
                "empty_photo", f"Photo {number} of {len(photos)} has 0 bytes. Take or choose it again."
            )
    return photos
