"""The mail server (SMTP)."""

from email.message import EmailMessage

import aiosmtplib

from cds_auth.settings import Settings


class SmtpSender:
    """Sends over one connection per message: receipts are rare, and a held connection would only go stale."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, message: EmailMessage) -> None:
        """Hand the message over.

        Raises:
            OSError: the server cannot be reached, or did not take it.
        """
        settings = self._settings
        try:
            await aiosmtplib.send(
                message,
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username,
                password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
                use_tls=settings.smtp_security == "tls",
                start_tls=settings.smtp_security == "starttls",
                timeout=15,
            )
        except aiosmtplib.SMTPException as error:
            raise ConnectionError("the mail server did not take the message") from error
