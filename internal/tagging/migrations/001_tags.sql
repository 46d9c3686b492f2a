-- Tags on anything with an ARN. resource is the ARN's resource part, such as
-- meeting/<id> or meeting/<id>/attendee/<id>: region and spelling of the ARN
-- do not matter.
CREATE TABLE tags (
    account_id TEXT NOT NULL,
    resource   TEXT NOT NULL,
    tag_key    TEXT NOT NULL,
    tag_value  TEXT NOT NULL,
    PRIMARY KEY (account_id, resource, tag_key)
);
