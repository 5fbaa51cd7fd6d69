"""A file that an operator shares, as the body of a request or from a form."""

import re

from starlette.requests import Request

from cds_common.problems import ProblemError, generic
from cds_registry.application.share_file import NewFile

_MIME_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}(;[\x20-\x7e]{0,100})?")


async def read_upload(request: Request, *, name: str, description: str, limit: int) -> NewFile:
    """The body with its name and content type.

    Raises:
        ProblemError: as `new_file`.
    """
    return new_file(await request.body(), name, request.headers.get("content-type"), description, limit)


def new_file(content: bytes, name: str, kind: str | None, description: str, limit: int) -> NewFile:
    """A file to share.

    Raises:
        ProblemError: 413, it is too large; 400, it is empty or its name has more than a name in it.
    """
    if len(content) > limit:
        raise ProblemError(generic(413), f"A file has at most {limit} bytes")
    if not content or not 0 < len(name) <= 255 or "/" in name or "\\" in name or not name.isprintable():
        raise ProblemError(generic(400), "A file has at least one byte and a plain name")
    return NewFile(name, kind if kind and _MIME_TYPE.fullmatch(kind) else "application/octet-stream", description, content)
