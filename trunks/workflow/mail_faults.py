"""What an error in sending a letter is about: this letter alone, or the mail server, which would take no other either.

One judgement for everything that sends letters. https://docs.python.org/3/library/smtplib.html tells the errors.
"""

from __future__ import annotations

import smtplib

CLOSING = 421  # the server ends the conversation, whatever it was asked (RFC 5321, 3.8)
TOO_LARGE = 552  # a size that MAIL FROM names is the letter's own (RFC 1870)

# What an answer to one recipient or to one letter's text is. All others come of connecting, TLS and signing in.
_OF_A_LETTER = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)


def is_about_the_server(error: OSError | ValueError) -> bool:
    """Say whether the next letter would meet the same: no server is there, or it takes nothing from the portal.

    The sender is the same in every letter, so that a refused one is about the server's settings and not the letter.
    """
    if isinstance(error, ValueError):  # an address or a word that no mail can carry
        return False
    if isinstance(error, smtplib.SMTPSenderRefused):
        return error.smtp_code != TOO_LARGE
    return not isinstance(error, _OF_A_LETTER) or CLOSING in _codes(error)


def is_for_good(error: OSError | ValueError) -> bool:
    """Say whether the letter would be refused a second time too. What is about the server may be mended."""
    return not is_about_the_server(error) and all(code >= 500 for code in _codes(error))


def _codes(error: Exception) -> list[int]:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return [code for code, _ in error.recipients.values()]
    return [error.smtp_code] if isinstance(error, smtplib.SMTPResponseException) else []
