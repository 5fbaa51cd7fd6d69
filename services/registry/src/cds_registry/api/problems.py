"""The one table from a refusal of this service to its answer; a test checks that every `DomainError` is in it."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from cds_common import exact_json
from cds_common.errors import DomainError
from cds_common.oauth_errors import NO_STORE
from cds_common.problems import ProblemType, plain_text
from cds_registry.api.rate_limits import note_wrong_invite
from cds_registry.domain import errors

PROBLEMS: dict[type[DomainError], ProblemType] = {
    errors.InvalidClientMetadata: ProblemType(400, "invalid-client-metadata", "Client metadata is not valid", "invalid_client_metadata"),
    errors.InvalidRedirectUri: ProblemType(400, "invalid-redirect-uri", "A redirect address is not valid", "invalid_redirect_uri"),
    errors.ClientNotFound: ProblemType(404, "client-not-found", "Client Object not found", "not_found"),
    errors.CredentialNotFound: ProblemType(404, "credential-not-found", "Credential not found", "not_found"),
    errors.MessageNotFound: ProblemType(404, "message-not-found", "Message not found", "not_found"),
    errors.FileNotShared: ProblemType(404, "file-not-found", "File not found", "not_found"),
    errors.InvalidCredentialRequest: ProblemType(400, "invalid-credential-request", "The Credential cannot be made or changed so"),
    errors.InvalidMessage: ProblemType(400, "invalid-message", "The Message cannot be made or changed so"),
    errors.AttachmentsTooLarge: ProblemType(413, "attachments-too-large", "The attachments are too large"),
    errors.RequestNotOpen: ProblemType(409, "request-not-open", "The request is not open"),
    errors.GrantRefused: ProblemType(409, "grant-refused", "The Grants cannot be made"),
    errors.ReasonMissing: ProblemType(400, "reason-missing", "A reason is needed"),
    errors.SharingRefused: ProblemType(409, "sharing-refused", "The file cannot be shared"),
    errors.OperatorRefused: ProblemType(
        401, "operator-refused", "Not accepted", "access_denied", (("WWW-Authenticate", 'Bearer realm="cds"'),)
    ),
    errors.OperatorNotFound: ProblemType(404, "operator-not-found", "Operator not found", "not_found"),
    errors.OperatorForbidden: ProblemType(403, "operator-forbidden", "The role does not allow this", "access_denied"),
    errors.OperatorExists: ProblemType(409, "operator-exists", "There is such an operator already"),
    errors.InvalidOperatorRequest: ProblemType(400, "invalid-operator-request", "The request is not possible"),
}


def install_registration_errors(app: FastAPI) -> None:
    """Registration and PUT on a Client Object answer in the form of RFC 7591 §3.2.2."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, errors.RegistrationRefused)  # noqa: S101  # registered for this class only
        if isinstance(error, errors.InviteRefused):
            await note_wrong_invite(request)
        body = {"error": error.code, "error_description": plain_text(error.detail)}
        return Response(exact_json.encode(body), 400, NO_STORE, media_type="application/json")

    app.add_exception_handler(errors.RegistrationRefused, refused)
