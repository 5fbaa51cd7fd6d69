"""What the registry refuses, in words for the caller."""

from cds_common.errors import DomainError


class RegistrationRefused(DomainError):
    """A refusal that is answered in the words of RFC 7591 §3.2.2 (registration and PUT on a Client Object)."""

    code = "invalid_client_metadata"


class InvalidClientMetadata(RegistrationRefused):
    """The value of a client metadata field is refused (RFC 7591 §3.2.2; CDS-WG1-02 §4.1, §5.5)."""


class InviteRefused(InvalidClientMetadata):
    """An invite code is unknown, or does not open what was asked for; guesses are counted."""


class InvalidRedirectUri(RegistrationRefused):
    """A redirect address is refused (RFC 7591 §3.2.2)."""

    code = "invalid_redirect_uri"


class ClientNotFound(DomainError):
    """No such Client Object in this registration."""


class CredentialNotFound(DomainError):
    """No such Credential in this registration."""


class MessageNotFound(DomainError):
    """No such Message in this registration."""


class FileNotShared(DomainError):
    """No such file in the Grants of this token."""


class InvalidCredentialRequest(DomainError):
    """A Credential cannot be made or changed as asked (CDS-WG1-02 §7.5, §7.6)."""


class InvalidMessage(DomainError):
    """A Message cannot be made or changed as asked (CDS-WG1-02 §6.9, §6.11)."""


class AttachmentsTooLarge(DomainError):
    """The attachments of a Message exceed the limit (CDS-WG1-02 §6.9)."""


class RequestNotOpen(DomainError):
    """The operator answers a request that is settled already, or of a type that has no such answer."""


class GrantRefused(DomainError):
    """auth could not make the asked Grants from the request's scope and authorization details."""


class ReasonMissing(DomainError):
    """A rejection needs its reason in words (CDS-WG1-02 §6.3)."""


class SharingRefused(DomainError):
    """A file cannot be shared with this registration."""


class OperatorRefused(DomainError):
    """The operator's name, password or key is not accepted."""


class OperatorNotFound(DomainError):
    """There is no operator account of this name."""


class OperatorForbidden(DomainError):
    """The operator's role does not allow the action."""


class OperatorExists(DomainError):
    """An operator account of this name exists already."""


class InvalidOperatorRequest(DomainError):
    """An operator's request is incomplete or its values are not possible."""
