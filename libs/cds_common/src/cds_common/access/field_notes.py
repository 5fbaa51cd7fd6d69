"""What a documentation page tells of single authorization details fields beyond their own words."""

FIELD_NOTES: dict[str, str] = {
    "include_eacs": (
        "Certificates come with the accounts, services, rate plans and programs that are shared, and with the usage whose supply mix "
        "names them. Certificates of the type general concern every customer; they are listed for every scope with this field."
    ),
    "include_usage_segment_value_types": (
        "A format without quality holds values of any quality. A value of a quality that a format of its own names stands there instead, "
        "if that format is asked for too. A period without any value in the formats that were asked for is not listed."
    ),
    "error_if_no_preselections": (
        "Where a customer authorizes, the customer is told that nothing matches, and may log in as somebody else or decline: your redirect "
        "URI then gets no_preselections. With direct access the token request is answered invalid_authorization_details when nothing that "
        "you may see matches; without this field such a token just finds nothing."
    ),
    "jwk": (
        "Elliptic curve keys (kty EC) on P-256 and P-384 with use enc are supported; keys of other types are refused with "
        "invalid_authorization_details. Never send a private key: one that was sent is not secret any more."
    ),
}
"""Field -> text for developers."""
