"""Tokens: shown once, worth what they say for as long as they say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from netsift.errors import InputError, UsageError
from netsift.store.opening import Store
from netsift.store.scopes import Scope
from tests.store.conftest import Ticking


def test_a_token_is_found_by_its_secret_which_is_not_stored(store: Store) -> None:
    secret, token = store.tokens.create("the collector", ["ingest", "read"], owner="ada")
    assert store.tokens.check(secret) == token
    assert token.scopes == {Scope.INGEST, Scope.READ}
    with store.database.reading() as session:
        assert secret not in str(session.execute(text("SELECT * FROM tokens")).one())
    for other in ("", secret[:-1], secret + "a", secret[:-1] + ("a" if secret[-1] != "a" else "b"), token.id):
        assert store.tokens.check(other) is None
    another, _ = store.tokens.create("the collector", ["read"])
    assert another != secret
    assert [one.id for one in store.tokens.every()][1] == token.id


def test_a_token_ends(store: Store, clock: Ticking) -> None:
    secret, token = store.tokens.create("short", ["read"], lifetime=timedelta(days=1))
    lasting, other = store.tokens.create("lasting", ["read"])
    assert store.tokens.check(secret) is not None
    clock.skip(timedelta(days=1))
    assert store.tokens.check(secret) is None
    assert store.tokens.check(lasting) is not None
    store.tokens.revoke(other.id)
    revoked = store.tokens.every()[0].revoked
    assert store.tokens.check(lasting) is None
    store.tokens.revoke(other.id)
    assert store.tokens.every()[0].revoked == revoked is not None
    assert {one.id for one in store.tokens.every()} == {token.id, other.id}


def test_use_is_noted_once_a_minute(store: Store, clock: Ticking) -> None:
    secret, token = store.tokens.create("script", ["read"])
    assert token.last_used is None
    store.tokens.check(secret)
    first = store.tokens.every()[0].last_used
    assert first is not None
    store.tokens.check(secret)
    assert store.tokens.every()[0].last_used == first
    clock.skip(timedelta(minutes=1))
    store.tokens.check(secret)
    assert store.tokens.every()[0].last_used == clock.now > first


def test_what_makes_no_sense_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="a token has a name"):
        store.tokens.create(" ", ["read"])
    with pytest.raises(UsageError, match="the scopes are"):
        store.tokens.create("script", ["write"])
    with pytest.raises(UsageError, match="for some time"):
        store.tokens.create("script", ["read"], lifetime=timedelta(0))
    with pytest.raises(UsageError, match="longer than the calendar"):
        store.tokens.create("script", ["read"], lifetime=timedelta.max)
    with pytest.raises(InputError, match="there is no token 'x'"):
        store.tokens.revoke("x")
    assert store.tokens.every() == []
