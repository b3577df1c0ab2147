-- What is known of the refresh token of an account that was not declared. The token itself is a sealed value of the account's row
-- (path oauth.refreshToken), so changing the sealing key, backup and removal treat it like every other credential.
CREATE TABLE oauth_token (
    account TEXT PRIMARY KEY REFERENCES resource (external_id) ON DELETE CASCADE,
    kept_by TEXT NOT NULL CHECK (kept_by IN ('', 'sign-in', 'renewal')),
    since TEXT NOT NULL,
    renewed_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    renewing_since TEXT NOT NULL,
    declared TEXT NOT NULL,
    client_id TEXT NOT NULL,
    token_endpoint TEXT NOT NULL
) STRICT, WITHOUT ROWID;
