-- Answers that are kept, and the chains that they form.

CREATE TABLE responses (
    response_id TEXT NOT NULL PRIMARY KEY,
    -- The response whose messages come before this one's. No foreign key: when that one is gone, the
    -- chain begins here.
    follows TEXT,
    -- Microseconds since 1970.
    create_time BIGINT NOT NULL,
    -- funland.v1.ListResponseInputResponse: what the model was told.
    input BLOB NOT NULL,
    -- funland.v1.Message: what it answered.
    output BLOB NOT NULL,
    -- funland.v1.Response, without what it answered.
    response BLOB NOT NULL
);

CREATE INDEX responses_follows ON responses (follows);

CREATE INDEX responses_create_time ON responses (create_time);
