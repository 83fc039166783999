-- What responses are listed by, and those that are still being made.

-- funland.v1.Response.State, by its number.
ALTER TABLE responses ADD COLUMN state INTEGER NOT NULL DEFAULT 2;

ALTER TABLE responses ADD COLUMN collection TEXT NOT NULL DEFAULT '';

ALTER TABLE responses ADD COLUMN model TEXT NOT NULL DEFAULT '';

-- Both have all that a page is chosen by, so that it reads the rows that it gives and no others.
CREATE INDEX responses_by_time ON responses (create_time, response_id, model);

CREATE INDEX responses_by_collection ON responses (collection, create_time, response_id, model);

DROP INDEX responses_create_time;

-- IN_PROGRESS and QUEUED: few at any time.
CREATE INDEX responses_unfinished ON responses (response_id) WHERE state IN (1, 5);

-- The metadata once more, to be searched.
CREATE TABLE response_metadata (
    response_id TEXT NOT NULL REFERENCES responses (response_id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (response_id, name)
);

CREATE INDEX response_metadata_by_value ON response_metadata (name, value, response_id);
