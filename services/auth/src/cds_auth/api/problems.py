"""The one table from a refusal of this service to its answer; a test checks that every `DomainError` is in it."""

from cds_auth.domain import customer_errors, errors
from cds_common.access.errors import AccessRefused, InvalidAuthorizationDetails, InvalidScope
from cds_common.errors import DomainError
from cds_common.problems import ProblemType

PROBLEMS: dict[type[DomainError], ProblemType] = {
    errors.GrantNotFound: ProblemType(404, "grant-not-found", "Grant not found"),
    errors.GrantAlreadyEnded: ProblemType(400, "grant-already-ended", "The Grant has ended"),
    errors.InvalidGrantChange: ProblemType(400, "invalid-grant-change", "The Grant can not be changed so"),
    errors.ClientUnknown: ProblemType(404, "client-not-found", "Client not found"),
    errors.InvalidServerGrant: ProblemType(400, "invalid-server-grant", "The Grant can not be made"),
    errors.SelectionNotAllowed: ProblemType(409, "approval-not-possible", "The approval does not fit"),
    errors.InvalidAuthorizationRequest: ProblemType(400, "invalid-authorization-request", "Invalid authorization request"),
    errors.UnsupportedResponseType: ProblemType(400, "unsupported-response-type", "The response_type is not supported"),
    errors.RequestUriUsed: ProblemType(400, "request-uri-used", "The request_uri was used before"),
    errors.AuthorizationRefused: ProblemType(400, "authorization-refused", "The authorization request is refused"),
    errors.OperatorChangeRefused: ProblemType(409, "operator-change-refused", "The change is not possible"),
    errors.SearchRefused: ProblemType(400, "search-refused", "The search is not possible"),
    customer_errors.CustomerNotFound: ProblemType(404, "customer-not-found", "Customer not found"),
    customer_errors.LoginNameTaken: ProblemType(409, "login-name-taken", "The login name is taken"),
    customer_errors.PasswordTooShort: ProblemType(400, "password-not-accepted", "The password is not accepted"),
    customer_errors.PageNotFound: ProblemType(404, "page-not-found", "Page not found"),
    customer_errors.PageExpired: ProblemType(410, "page-expired", "The request ran out"),
    customer_errors.FormRefused: ProblemType(400, "form-refused", "The form is not accepted"),
    AccessRefused: ProblemType(400, "invalid-request", "The request is not valid"),
    InvalidScope: ProblemType(400, "invalid-scope", "The scope is not valid", error="invalid_scope"),
    InvalidAuthorizationDetails: ProblemType(
        400, "invalid-authorization-details", "The authorization details are not valid", error="invalid_authorization_details"
    ),
}
