"""Users: only who knows the password is one, and nothing stored tells it."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from netsift.errors import InputError, UsageError
from netsift.store import users
from netsift.store.opening import Store
from netsift.store.scopes import EVERY_SCOPE, Scope

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with little work: what is tested here is not the hash."""
    monkeypatch.setattr(users, "_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_a_user_is_who_knows_the_password(store: Store) -> None:
    added = store.users.add("ada", PASSWORD, ["read"])
    assert added.scopes == {Scope.READ}
    assert added.last_login is None
    found = store.users.check("ada", PASSWORD)
    assert found is not None
    assert (found.name, found.session_key) == ("ada", added.session_key)
    assert found.last_login is not None
    for name, password in (("ada", PASSWORD + " "), ("ada", ""), ("bob", PASSWORD), ("' OR 1=1 --", PASSWORD)):
        assert store.users.check(name, password) is None
    assert store.users.count() == 1
    assert [user.name for user in store.users.every()] == ["ada"]


def test_nothing_stored_tells_the_password(store: Store) -> None:
    store.users.add("ada", PASSWORD)
    with store.database.reading() as session:
        row = str(session.execute(text("SELECT * FROM users")).one())
    assert PASSWORD not in row
    assert "$argon2id$" in row


def test_another_password_or_an_end_of_it_ends_all_sessions(store: Store) -> None:
    first = store.users.add("ada", PASSWORD)
    store.users.set_password("ada", "another long password")
    assert store.users.check("ada", PASSWORD) is None
    second = store.users.check("ada", "another long password")
    assert second is not None
    assert second.session_key != first.session_key
    store.users.set_active("ada", active=False)
    assert store.users.check("ada", "another long password") is None
    found = store.users.get("ada")
    assert found is not None
    assert not found.active
    assert found.session_key != second.session_key


def test_an_old_hash_is_made_again_at_the_next_login(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.users.add("ada", PASSWORD)
    monkeypatch.setattr(users, "_hasher", lambda: PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    assert store.users.check("ada", PASSWORD) is not None
    with store.database.reading() as session:
        assert "m=16,t=2,p=1" in str(session.scalar(text("SELECT password_hash FROM users")))
    assert store.users.check("ada", PASSWORD) is not None


def test_a_removed_user_takes_his_tokens_with_him(store: Store) -> None:
    store.users.add("ada", PASSWORD)
    secret, _ = store.tokens.create("script", ["read"], owner="ada")
    others, _ = store.tokens.create("script", ["read"], owner="bob")
    store.users.remove("ada")
    assert store.users.get("ada") is None
    assert store.tokens.check(secret) is None
    assert store.tokens.check(others) is not None


def test_scopes_can_be_changed(store: Store) -> None:
    assert store.users.add("ada", PASSWORD).scopes == EVERY_SCOPE
    store.users.set_scopes("ada", ["read", "ingest"])
    found = store.users.get("ada")
    assert found is not None
    assert found.scopes == {Scope.READ, Scope.INGEST}


@pytest.mark.parametrize(
    ("name", "password", "scopes", "says"),
    [
        ("", PASSWORD, ["read"], "a user's name"),
        ("a b", PASSWORD, ["read"], "a user's name"),
        ("-rf", PASSWORD, ["read"], "a user's name"),
        ("x" * 65, PASSWORD, ["read"], "a user's name"),
        ("<script>", PASSWORD, ["read"], "a user's name"),
        ("bob", "short", ["read"], "12 to 1,024 characters"),
        ("bob", "x" * 1_025, ["read"], "12 to 1,024 characters"),
        ("bob", PASSWORD, [], "at least one scope"),
        ("bob", PASSWORD, ["root"], "'root' is not a valid Scope: the scopes are read, ingest, admin"),
        ("ada", PASSWORD, ["read"], "there is a user ada already"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Store, name: str, password: str, scopes: list[str], says: str) -> None:
    store.users.add("ada", PASSWORD)
    with pytest.raises(UsageError, match=says):
        store.users.add(name, password, scopes)
    assert store.users.count() == 1


def test_a_user_who_is_none_is_named(store: Store) -> None:
    with pytest.raises(InputError, match="there is no user 'bob'"):
        store.users.set_password("bob", PASSWORD)
    with pytest.raises(InputError, match="there is no user 'bob'"):
        store.users.set_active("bob", active=True)
    with pytest.raises(InputError, match="there is no user 'bob'"):
        store.users.remove("bob")
