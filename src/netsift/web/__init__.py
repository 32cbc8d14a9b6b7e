"""The web application: an API and pages over the stores, the model and jobs that look at uploaded captures.

:func:`netsift.web.application.create_application` makes it; ``netsift serve`` runs it. ``docs/web.md`` is its manual,
``docs/security.md`` says what it defends and how.
"""
