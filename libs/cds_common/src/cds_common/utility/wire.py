"""The wire objects that are pure functions of the utility's file: server and authorization server metadata and their parts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from cds_common.access.durations import render_instant
from cds_common.access.offers import OfferedChoice, OfferedField, OfferedScope
from cds_common.events.clients import ClientPurpose
from cds_common.utility import paths
from cds_common.utility.customer_data import customer_data_members
from cds_common.utility.models import Utility
from cds_common.utility.offers import offered_scopes
from cds_common.utility.parts import RegistrationField

Purposes = Mapping[str, Sequence[ClientPurpose]]
"""Scope id -> the Purposes of one Client that may be named in it."""


def _docs(public_url: str, path: str, **names: str) -> str:
    return public_url + path.format(**{key: quote(value, safe="") for key, value in names.items()})


def server_metadata(utility: Utility, public_url: str) -> dict[str, Any]:
    """The Server Metadata object (CDS-WG1-01 §3.2, CDS-WG1-02 §3.1)."""
    return {
        "cds_metadata_version": "v1",
        "cds_metadata_url": public_url + paths.SERVER_METADATA,
        "created": render_instant(utility.created),
        "updated": render_instant(utility.updated),
        "name": utility.name,
        "description": utility.description,
        "website": utility.website,
        "documentation": public_url + paths.DOCS,
        "support": public_url + paths.DOCS_SUPPORT,
        "capabilities": ["coverage", "oauth"],
        "coverage": public_url + paths.COVERAGE,
        "related_metadata": list(utility.related_metadata),
        "oauth_metadata": public_url + paths.AUTHORIZATION_SERVER_METADATA,
    }


def coverage_entries(utility: Utility, public_url: str) -> list[dict[str, Any]]:
    """The Coverage Entries, last updated first (CDS-WG1-01 §4)."""
    entries: list[tuple[datetime, dict[str, Any]]] = []
    for each in utility.coverage:
        entry: dict[str, Any] = {
            "id": each.id,
            "created": render_instant(each.created),
            "updated": render_instant(each.updated),
            "entity_name": each.entity_name,
            "entity_abbreviation": each.entity_abbreviation,
            "country": each.country,
            "name": each.name,
            "type": each.type,
            "role": each.role,
            "infrastructure_types": list(each.infrastructure_types),
            "commodity_types": list(each.commodity_types),
            "capabilities": ["oauth"],
        }
        optional = {"description": each.description, "entity_number": each.entity_number}
        entry |= {name: value for name, value in optional.items() if value is not None}
        if each.geojson is not None:
            entry["geojson_resource"] = _docs(public_url, paths.COVERAGE_GEOJSON, coverage_id=each.id)
        entries.append((each.updated, entry))
    ordered = sorted(entries, key=lambda pair: pair[1]["id"])
    return [entry for _, entry in sorted(ordered, key=lambda pair: pair[0], reverse=True)]


def registration_fields(utility: Utility, public_url: str) -> dict[str, dict[str, Any]]:
    """cds_registration_fields: those that any scope names (CDS-WG1-02 §3.5)."""
    named = {step for offer in utility.scopes for step in (*offer.registration_requirements, *offer.registration_optional)}
    return {each.id: _registration_field(each, public_url) for each in utility.registration_fields if each.id in named}


def _registration_field(step: RegistrationField, public_url: str) -> dict[str, Any]:
    documentation = _docs(public_url, paths.DOCS_REGISTRATION, step=step.id)
    found: dict[str, Any] = {"id": step.id, "type": step.type, "description": step.description, "documentation": documentation}
    for name in ("field_name", "format", "max_length", "max_size", "amount", "currency"):
        value = getattr(step, name)
        if value is not None:
            found[name] = value
    if "default" in step.model_fields_set:
        found["default"] = step.default
    if step.choices is not None:
        found["choices"] = [each.model_dump() | {"documentation": f"{documentation}#{each.id}"} for each in step.choices]
    return found


def scope_descriptions(
    utility: Utility, public_url: str, *, scopes: Collection[str] | None = None, purposes: Purposes | None = None
) -> dict[str, dict[str, Any]]:
    """cds_scope_descriptions (CDS-WG1-02 §3.4, CDS-WG3-01 §6).

    `scopes`: only these, for the metadata of one Client. `purposes`: that Client's choices of `purpose` (CDS-WG3-01 §7.4.4).
    """
    offered = offered_scopes(utility)
    return {
        scope_id: scope_description(offered[scope_id], public_url, (purposes or {}).get(scope_id))
        for scope_id in offered
        if scopes is None or scope_id in scopes
    }


def scope_description(scope: OfferedScope, public_url: str, purposes: Sequence[ClientPurpose] | None = None) -> dict[str, Any]:
    """One Scope Description."""
    return {
        "id": scope.id,
        "type": scope.type,
        "name": scope.name,
        "description": scope.description,
        "documentation": _docs(public_url, paths.DOCS_SCOPE, scope=scope.id),
        "registration_requirements": list(scope.registration_requirements),
        "registration_optional": list(scope.registration_optional),
        "response_types_supported": list(scope.response_types),
        "grant_types_supported": list(scope.grant_types),
        "token_endpoint_auth_methods_supported": list(scope.token_endpoint_auth_methods),
        "code_challenge_methods_supported": list(scope.code_challenge_methods),
        "coverages_supported": list(scope.coverages),
        "grant_admin_scope": scope.grant_admin_scope,
        "authorization_details_types_supported": list(scope.details_types),
        "authorization_details_fields_supported": authorization_details_fields(scope, public_url, purposes),
    }


def authorization_details_fields(
    scope: OfferedScope, public_url: str, purposes: Sequence[ClientPurpose] | None = None
) -> list[dict[str, Any]]:
    """The Authorization Details Field Objects of a scope (CDS-WG1-02 §3.8)."""
    return [_field(scope, each, public_url, purposes) for each in scope.fields.values()]


def _field(scope: OfferedScope, field: OfferedField, public_url: str, purposes: Sequence[ClientPurpose] | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": field.id,
        "name": field.name,
        "description": field.description,
        "documentation": _docs(public_url, paths.DOCS_FIELD, field=field.id),
        "for_types": list(scope.details_types),
        "format": field.format,
        "is_required": field.is_required,
    }
    choices = [_choice(field, each, public_url) for each in field.choices]
    default = field.default
    if field.id == "purpose" and purposes is not None:
        choices = [_purpose(each, public_url) for each in purposes]
        default = default if any(each.id == default for each in purposes) else None
    if field.has_default:
        found["default"] = default
    if field.maximum is not None:
        found |= {"maximum": field.maximum, "minimum": field.minimum}
    if field.format.startswith("choice"):
        found["choices"] = choices
    return found


def _choice(field: OfferedField, choice: OfferedChoice, public_url: str) -> dict[str, Any]:
    page = _docs(public_url, paths.DOCS_CHOICE, field=field.id, choice=choice.id)
    if field.id == "purpose":
        page = _docs(public_url, paths.DOCS_PURPOSE, purpose=choice.id)
    found: dict[str, Any] = {"id": choice.id, "name": choice.name, "description": choice.description, "documentation": page}
    if choice.value_format is not None:
        found["usagesegment_format"] = dict(choice.value_format)
    return found


def _purpose(purpose: ClientPurpose, public_url: str) -> dict[str, Any]:
    own = purpose.written_by_client
    return {
        "id": purpose.id,
        "name": purpose.name,
        "description": "Written by you." if own else "Set by the server for every client.",
        "documentation": _docs(public_url, paths.DOCS_FIELD, field="purpose")
        if own
        else _docs(public_url, paths.DOCS_PURPOSE, purpose=purpose.id),
    }


def authorization_server_metadata(
    utility: Utility, public_url: str, *, scopes: Collection[str] | None = None, purposes: Purposes | None = None
) -> dict[str, Any]:
    """The Authorization Server Metadata (CDS-WG1-02 §3.2, RFC 8414, RFC 9126, RFC 9207, CDS-WG3-01 §5).

    Required arrays stay even when they are empty. `scopes` and `purposes` as in `scope_descriptions`.
    """
    descriptions = scope_descriptions(utility, public_url, scopes=scopes, purposes=purposes)
    steps = {each for row in descriptions.values() for each in (*row["registration_requirements"], *row["registration_optional"])}
    fields = {key: value for key, value in registration_fields(utility, public_url).items() if key in steps}
    found: dict[str, Any] = {
        "issuer": public_url,
        "authorization_endpoint": public_url + paths.AUTHORIZE,
        "token_endpoint": public_url + paths.TOKEN,
        "registration_endpoint": public_url + paths.REGISTER,
        "revocation_endpoint": public_url + paths.REVOKE,
        "introspection_endpoint": public_url + paths.INTROSPECT,
        "jwks_uri": public_url + paths.JWKS,
        "scopes_supported": list(descriptions),
        "service_documentation": public_url + paths.DOCS,
        "op_policy_uri": public_url + paths.DOCS_POLICY,
        "op_tos_uri": public_url + paths.DOCS_TERMS,
        "authorization_response_iss_parameter_supported": True,
        "cds_oauth_version": "v1",
        "cds_human_registration": public_url + paths.HUMAN_REGISTRATION,
        "cds_timezone": utility.cds_timezone,
        "cds_clients_api": public_url + paths.CLIENTS,
        "cds_messages_api": public_url + paths.MESSAGES,
        "cds_credentials_api": public_url + paths.CREDENTIALS,
        "cds_grants_api": public_url + paths.GRANTS,
        "cds_scope_descriptions": descriptions,
        "cds_registration_fields": fields,
    }
    found |= {name: _union(descriptions, name) for name in _UNIONS}
    if found["response_types_supported"]:
        found["pushed_authorization_request_endpoint"] = public_url + paths.PUSHED_REQUEST
        found["cds_test_accounts"] = public_url + paths.DOCS_TEST_ACCOUNTS
    if any(row["type"] == "cds_server_provided_files" for row in descriptions.values()):
        found["cds_server_provided_files_api"] = public_url + paths.FILES
    return found | customer_data_members(utility, public_url, descriptions)


_UNIONS = (
    "response_types_supported", "grant_types_supported", "token_endpoint_auth_methods_supported", "code_challenge_methods_supported",
    "authorization_details_types_supported",
)  # fmt: skip


def _union(descriptions: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    return list(dict.fromkeys(value for row in descriptions.values() for value in row[name]))


def documentation_paths(utility: Utility) -> dict[str, str]:
    """Every documentation page that the wire objects link to, without the fragment -> what it must show."""
    pages = {
        paths.DOCS: "developer documentation (utility.documentation)",
        paths.DOCS_POLICY: "policy for clients (utility.policy)",
        paths.DOCS_TERMS: "terms for clients (utility.terms)",
        paths.DOCS_SUPPORT: "support (utility.support)",
        paths.DOCS_TEST_ACCOUNTS: "sandbox logins (utility.test_accounts)",
    }
    fields = {field_id for scope in offered_scopes(utility).values() for field_id in scope.fields}
    pages |= {_docs("", paths.DOCS_SCOPE, scope=each.id): f"scope {each.id}" for each in utility.scopes}
    pages |= {_docs("", paths.DOCS_FIELD, field=each): f"field {each} with an anchor per choice" for each in sorted(fields)}
    pages |= {_docs("", paths.DOCS_PURPOSE, purpose=each.id): f"all values of purpose {each.id}" for each in utility.purposes}
    steps = registration_fields(utility, "")
    pages |= {_docs("", paths.DOCS_REGISTRATION, step=each): f"registration step {each} (its text)" for each in steps}
    pages |= {_docs("", paths.DOCS_VALUE_TYPE, type=each.type): f"value type {each.type}" for each in utility.additional_value_types}
    return pages | {_docs("", paths.DOCS_EAC_FORMAT, format=each.id): f"certificate format {each.id}" for each in utility.eac_formats}
