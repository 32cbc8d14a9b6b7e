"""What every answer tells the browser: run nothing but our own files, show us in no frame, keep nothing."""

from __future__ import annotations

from typing import Final

from flask import Flask, Response, request

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""W3C Content Security Policy Level 3; neither inline code nor inline styles run."""

FIXED: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Without a referrer, browsers would call the origin of our own forms "null".
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Those of every answer."""
_YEAR_S: Final = 31_536_000


def register(application: Flask, *, behind_tls: bool) -> None:
    """Put the headers on every answer of the application."""

    def harden(answer: Response) -> Response:
        for name, value in FIXED.items():
            answer.headers.setdefault(name, value)
        if behind_tls:
            answer.headers.setdefault("Strict-Transport-Security", f"max-age={_YEAR_S}")
        if request.endpoint != "assets.asset":
            answer.headers.setdefault("Cache-Control", "no-store")
        return answer

    application.after_request(harden)
