"""Purposes: the disclosures of data use that a Client shows on the authorization form (CDS-WG3-01 §8)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from cds_registry.domain.addresses import address_fault
from cds_registry.domain.errors import InvalidClientMetadata

MAX_PURPOSES = 50
_MAX_NAME, _MAX_CONTENT, _MAX_LINK_NAME = 200, 4000, 200


@dataclass(frozen=True, slots=True)
class Purpose:
    """A Purpose; `default` ones are the server's own and do not move by a client's hand."""

    id: str
    name: str
    content: str
    related_uri: str | None
    related_name: str | None
    scopes_supported: tuple[str, ...]
    default: bool = False
    reviewed: bool = False
    """An operator has read the text, or it is the server's own."""

    def document(self) -> dict[str, Any]:
        """The Purpose object on the wire (CDS-WG3-01 §8.3)."""
        body: dict[str, Any] = {"id": self.id, "name": self.name, "content": self.content, "related_uri": self.related_uri}
        if self.related_name is not None:
            body["related_name"] = self.related_name
        return body | {"scopes_supported": list(self.scopes_supported)}


def read_purpose(raw: object, place: str) -> Purpose:
    """Read a submitted Purpose; its `id` and `scopes_supported` are the server's business and stay empty.

    Raises:
        InvalidClientMetadata: a member is missing or breaks CDS-WG3-01 §8.3.
    """
    if not isinstance(raw, Mapping):
        raise InvalidClientMetadata(f"{place} must be a Purpose object")
    body = cast("Mapping[str, Any]", raw)
    name, content = body.get("name"), body.get("content")
    if not isinstance(name, str) or len(name) > _MAX_NAME or len(name.splitlines()) > 1:
        raise InvalidClientMetadata(f"{place}/name must be one line of at most {_MAX_NAME} characters")
    if not isinstance(content, str) or not content.strip() or len(content) > _MAX_CONTENT:
        raise InvalidClientMetadata(f"{place}/content must be a text of 1 to {_MAX_CONTENT} characters that is not blank")
    if "related_uri" not in body:
        raise InvalidClientMetadata(f"{place}/related_uri is required: an address or null")
    link, link_name = body["related_uri"], body.get("related_name")
    if link is not None and (fault := address_fault(link)):
        raise InvalidClientMetadata(f"{place}/related_uri {fault}")
    _check_link_name(link, link_name, place)
    return Purpose("", name, _printable(content), link, link_name, ())


def _check_link_name(link: object, name: object, place: str) -> None:
    if name is None:
        if link is not None:
            raise InvalidClientMetadata(f"{place}/related_name is required beside related_uri")
        return
    if not isinstance(name, str) or not name.strip() or len(name) > _MAX_LINK_NAME or len(name.splitlines()) > 1:
        raise InvalidClientMetadata(f"{place}/related_name must be one line of at most {_MAX_LINK_NAME} characters that is not blank")


def _printable(text: str) -> str:
    """Without control characters other than line breaks; CR LF becomes LF."""
    return "".join(character for character in text.replace("\r\n", "\n") if character == "\n" or ord(character) >= 0x20)


def merge_purposes(
    submitted: object, *, own: Sequence[Purpose], defaults: Sequence[Purpose], scopes: Sequence[str], new_id: Callable[[], str]
) -> tuple[Purpose, ...]:
    """The client's own Purposes after a PUT with `cds_purposes` = `submitted` (CDS-WG3-01 §8.2).

    Default ones are untouched whatever was sent; known ones keep id and scopes; unknown ones are new and get both from us.

    Raises:
        InvalidClientMetadata: the map or one of its Purposes is not valid.
    """
    if not isinstance(submitted, Mapping):
        raise InvalidClientMetadata("/cds_purposes must be an object of Purpose objects")
    wanted = cast("Mapping[str, Any]", submitted)
    if len(wanted) > MAX_PURPOSES:
        raise InvalidClientMetadata(f"/cds_purposes must have at most {MAX_PURPOSES} entries")
    server_ids = {purpose.id for purpose in defaults}
    known = {purpose.id: purpose for purpose in own}
    kept: dict[str, Purpose] = {}
    added: list[Purpose] = []
    for key, raw in wanted.items():
        if key in server_ids:
            continue
        purpose = read_purpose(raw, f"/cds_purposes/{key[:100]}")
        if key not in known:
            added.append(replace(purpose, id=new_id(), scopes_supported=tuple(scopes)))
            continue
        before = known[key]
        same_text = (purpose.content, purpose.related_uri, purpose.related_name) == (
            before.content,
            before.related_uri,
            before.related_name,
        )
        kept[key] = replace(purpose, id=before.id, scopes_supported=before.scopes_supported, reviewed=before.reviewed and same_text)
    return tuple(kept[purpose.id] for purpose in own if purpose.id in kept) + tuple(added)


def purpose_map(purposes: Sequence[Purpose]) -> dict[str, dict[str, Any]]:
    """`cds_purposes` on the wire: key = id."""
    return {purpose.id: purpose.document() for purpose in purposes}
