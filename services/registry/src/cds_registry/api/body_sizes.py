"""How large request bodies may be; the application takes the largest, each router says less."""

SMALL = 1024 * 1024
LARGE = 16 * 1024 * 1024
"""Messages with attachments (11 MB in Base64), registrations with files, shared files."""
