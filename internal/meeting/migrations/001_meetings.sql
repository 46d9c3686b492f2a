-- ended_ms is 0 while the meeting lives; then the row stays for a moment as a
-- tombstone, until it and its attendees are purged. client_token is NULL once
-- the meeting has ended: the token is free again.
CREATE TABLE meetings (
    meeting_id          TEXT PRIMARY KEY,
    account_id          TEXT NOT NULL,
    region              TEXT NOT NULL,
    client_token        TEXT,
    external_meeting_id TEXT NOT NULL,
    media_region        TEXT NOT NULL,
    primary_meeting_id  TEXT NOT NULL,
    details             TEXT NOT NULL,
    transcription       TEXT NOT NULL,
    created_ms          BIGINT NOT NULL,
    ended_ms            BIGINT NOT NULL,
    -- since when nobody, and since when fewer than two, have been connected; 0: not so now
    idle_since_ms       BIGINT NOT NULL,
    lonely_since_ms     BIGINT NOT NULL,
    -- when the meeting ends if nothing changes
    ends_ms             BIGINT NOT NULL
);
CREATE UNIQUE INDEX meetings_token ON meetings (account_id, client_token);
CREATE INDEX meetings_ends ON meetings (ended_ms, ends_ms);
CREATE INDEX meetings_replicas ON meetings (primary_meeting_id) WHERE primary_meeting_id <> '';

-- How many meetings of an account live. Counting them would cost more with each one.
CREATE TABLE meeting_counts (
    account_id TEXT PRIMARY KEY,
    active     BIGINT NOT NULL
);

CREATE TABLE attendees (
    meeting_id       TEXT NOT NULL,
    attendee_id      TEXT NOT NULL,
    external_user_id TEXT NOT NULL,
    join_token       TEXT NOT NULL,
    audio            TEXT NOT NULL,
    video            TEXT NOT NULL,
    content          TEXT NOT NULL,
    created_ms       BIGINT NOT NULL,
    PRIMARY KEY (meeting_id, attendee_id)
);
CREATE UNIQUE INDEX attendees_user ON attendees (meeting_id, external_user_id);
