"""Check an ID token and read who it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from ml_connector import clock
from ml_connector.domain.people import Person
from ml_console.sign_in.attempts import RefusedSignInError
from ml_console.sign_in.provider import Known, Provider

_KEY_OF = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC",
}  # fmt: skip
"""The algorithms that are taken, and the kind of key of each: none with a shared secret."""
_LEEWAY = 60
_LONGEST_SUBJECT, _LONGEST_NAME, _MOST_VALUES = 255, 100, 500
_LONGEST_TOKEN = 64 * 1024


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and the values of the claim that gives roles."""

    person: Person
    values: tuple[str, ...]


def read_id_token(
    token: str, provider: Provider, known: Known, client_id: str, nonce: str, claim: str
) -> SignedIn:
    """Return who the token is about; raises `RefusedSignInError` unless it is meant for us, now."""
    claims = _verified(token, provider, known)
    now = clock.epoch()
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    faults = {
        "issuer": claims.get("iss") != provider.issuer,
        "audience": client_id not in audiences,
        "authorized party": len(audiences) > 1 and claims.get("azp") != client_id,
        "expiry": not _is_number(claims.get("exp")) or claims["exp"] <= now - _LEEWAY,
        "issued in the future": _is_number(claims.get("iat")) and claims["iat"] > now + _LEEWAY,
        "not before": _is_number(claims.get("nbf")) and claims["nbf"] > now + _LEEWAY,
        "nonce": claims.get("nonce") != nonce,
        "subject": not _is_text(claims.get("sub"), _LONGEST_SUBJECT),
    }
    if wrong := [name for name, is_wrong in faults.items() if is_wrong]:
        raise RefusedSignInError("token", ", ".join(wrong))
    person = Person(provider.issuer, claims["sub"], _name(claims))
    return SignedIn(person, _values(claims, claim))


def _verified(token: str, provider: Provider, known: Known) -> Mapping[str, Any]:
    try:
        if len(token) > _LONGEST_TOKEN:
            raise RefusedSignInError("token", "too long")
        header = jws.extract_compact(token.encode()).headers()
        key = _key(header, provider, known)
        return dict(jwt.decode(token, import_key(dict(key)), algorithms=[*_KEY_OF]).claims)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise RefusedSignInError("token", type(error).__name__) from error


def _key(header: Mapping[str, Any], provider: Provider, known: Known) -> Mapping[str, Any]:
    """Return the key that the header names, if it is one for the algorithm that it names."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in _KEY_OF:
        raise RefusedSignInError("token", "algorithm")
    key = known.key(kid) or provider.renewed(known).key(kid)
    if key is None:
        raise RefusedSignInError("token", "unknown key")
    is_fit = (
        key.get("kty") == _KEY_OF[algorithm]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    )
    if not is_fit:
        raise RefusedSignInError("token", "key")
    return key


def _values(claims: Mapping[str, Any], claim: str) -> tuple[str, ...]:
    """Return the values of the claim.

    Entra ID leaves out the groups of people who have more than 200, and says only where to ask.
    """
    found = claims.get(claim)
    if found is None and (claim in _mapping(claims.get("_claim_names")) or claims.get("hasgroups")):
        raise RefusedSignInError("too_many_groups")
    given: Sequence[Any] = found if isinstance(found, list) else [found]
    return tuple(each for each in given[:_MOST_VALUES] if isinstance(each, str) and each)


def _name(claims: Mapping[str, Any]) -> str:
    """Return what people call them; it says nothing of who they are."""
    names = (claims.get(each) for each in ("name", "preferred_username", "email", "sub"))
    found = next(each for each in names if isinstance(each, str) and each.strip())
    return "".join(c for c in found.strip() if c.isprintable())[:_LONGEST_NAME]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()
