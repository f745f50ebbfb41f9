"""Sign-in by OpenID Connect, with PKCE; what is loaded only when somebody signs in."""
