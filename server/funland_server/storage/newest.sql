-- What the revisions make of an empty SQLite: an empty home starts with it, and without Alembic.
-- `python -m tools.schema` has written it.

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)

CREATE TABLE responses (
	response_id TEXT NOT NULL,
	follows TEXT,
	create_time BIGINT NOT NULL,
	input BLOB NOT NULL,
	output BLOB NOT NULL,
	response BLOB NOT NULL, state INTEGER DEFAULT 2 NOT NULL, collection TEXT DEFAULT '' NOT NULL, model TEXT DEFAULT '' NOT NULL, home_id TEXT DEFAULT '' NOT NULL, step_messages BLOB,
	PRIMARY KEY (response_id)
)

CREATE INDEX responses_follows ON responses (follows)

CREATE INDEX responses_by_time ON responses (create_time, response_id, model)

CREATE INDEX responses_by_collection ON responses (collection, create_time, response_id, model)

CREATE INDEX responses_unfinished ON responses (response_id) WHERE state IN (1, 5)

CREATE TABLE response_metadata (
	response_id TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (response_id, name),
	FOREIGN KEY(response_id) REFERENCES responses (response_id) ON DELETE CASCADE
)

CREATE INDEX response_metadata_by_value ON response_metadata (name, value, response_id)

CREATE TABLE hub_models (
	id INTEGER NOT NULL,
	hub INTEGER NOT NULL,
	model_id TEXT NOT NULL,
	owner TEXT NOT NULL,
	model_type TEXT NOT NULL,
	formats INTEGER NOT NULL,
	quantizations TEXT DEFAULT '' NOT NULL,
	downloads BIGINT NOT NULL,
	likes BIGINT NOT NULL,
	update_time BIGINT NOT NULL,
	known_time BIGINT NOT NULL,
	model BLOB NOT NULL,
	PRIMARY KEY (id)
)

CREATE UNIQUE INDEX hub_models_by_id ON hub_models (hub, model_id)

CREATE INDEX hub_models_by_downloads ON hub_models (downloads, id, hub, formats, model_type, owner)

CREATE INDEX hub_models_by_likes ON hub_models (likes, id)

CREATE INDEX hub_models_by_time ON hub_models (update_time, id)

CREATE TABLE hub_listings (
	id INTEGER NOT NULL,
	revision TEXT NOT NULL,
	listed_time BIGINT NOT NULL,
	quantization TEXT NOT NULL,
	files BLOB NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(id) REFERENCES hub_models (id) ON DELETE CASCADE
)

CREATE TABLE hub_favorites (
	hub INTEGER NOT NULL,
	model_id TEXT NOT NULL,
	create_time BIGINT NOT NULL,
	PRIMARY KEY (hub, model_id)
)

CREATE TABLE hub_syncs (
	hub INTEGER NOT NULL,
	sync_time BIGINT,
	begin_time BIGINT,
	cursor TEXT DEFAULT '' NOT NULL,
	models INTEGER DEFAULT 0 NOT NULL,
	PRIMARY KEY (hub)
)

CREATE VIRTUAL TABLE hub_words USING fts5(name, text, tokenize = 'ascii')

CREATE TABLE downloads (
	download_id TEXT NOT NULL,
	home_id TEXT NOT NULL,
	arrival BIGINT NOT NULL,
	"plan" BLOB NOT NULL,
	download BLOB NOT NULL,
	PRIMARY KEY (download_id)
)

CREATE UNIQUE INDEX downloads_by_arrival ON downloads (home_id, arrival)

CREATE TABLE benchmarks (
	home_id TEXT NOT NULL,
	device TEXT NOT NULL,
	model_sha256 TEXT NOT NULL,
	engine BIGINT NOT NULL,
	engine_version TEXT NOT NULL,
	driver_version TEXT NOT NULL,
	result BLOB NOT NULL,
	PRIMARY KEY (home_id, device, model_sha256, engine, engine_version, driver_version)
)

CREATE TABLE sessions (
	session_id TEXT NOT NULL,
	create_time BIGINT NOT NULL,
	update_time BIGINT NOT NULL,
	model TEXT NOT NULL,
	head TEXT NOT NULL,
	messages INTEGER NOT NULL,
	last_event BIGINT NOT NULL,
	beginning TEXT NOT NULL,
	words TEXT NOT NULL,
	session BLOB NOT NULL,
	PRIMARY KEY (session_id)
)

CREATE INDEX sessions_by_time ON sessions (update_time, session_id, model)

CREATE TABLE session_tags (
	session_id TEXT NOT NULL,
	tag TEXT NOT NULL,
	PRIMARY KEY (session_id, tag),
	FOREIGN KEY(session_id) REFERENCES sessions (session_id) ON DELETE CASCADE
)

CREATE INDEX session_tags_by_tag ON session_tags (tag, session_id)

CREATE TABLE session_messages (
	message_id TEXT NOT NULL,
	session_id TEXT NOT NULL,
	place INTEGER NOT NULL,
	parent TEXT NOT NULL,
	state INTEGER NOT NULL,
	event BIGINT NOT NULL,
	idempotency_key TEXT,
	words TEXT NOT NULL,
	message BLOB NOT NULL,
	said BLOB NOT NULL, home_id TEXT DEFAULT '' NOT NULL,
	PRIMARY KEY (message_id),
	FOREIGN KEY(session_id) REFERENCES sessions (session_id) ON DELETE CASCADE
)

CREATE UNIQUE INDEX session_messages_by_place ON session_messages (session_id, place)

CREATE INDEX session_messages_by_parent ON session_messages (session_id, parent, place)

CREATE UNIQUE INDEX session_messages_by_key ON session_messages (session_id, idempotency_key)

CREATE INDEX session_messages_unfinished ON session_messages (session_id, message_id) WHERE state = 1

CREATE TABLE deployments (
	deployment_id TEXT NOT NULL,
	home_id TEXT NOT NULL,
	arrival BIGINT NOT NULL,
	wanted BIGINT NOT NULL,
	request BLOB NOT NULL,
	deployment BLOB NOT NULL,
	PRIMARY KEY (deployment_id)
)

CREATE UNIQUE INDEX deployments_by_arrival ON deployments (home_id, arrival)

CREATE TABLE tasks (
	task_id TEXT NOT NULL,
	number BIGINT NOT NULL,
	home_id TEXT,
	kind INTEGER NOT NULL,
	lane INTEGER NOT NULL,
	state INTEGER NOT NULL,
	delayed INTEGER NOT NULL,
	rank INTEGER NOT NULL,
	turn BIGINT NOT NULL,
	caller TEXT NOT NULL,
	model TEXT NOT NULL,
	start_time BIGINT,
	ready_time BIGINT NOT NULL,
	begin_time BIGINT,
	end_time BIGINT,
	deadline BIGINT,
	expire_time BIGINT,
	retention_seconds BIGINT NOT NULL,
	attempts INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	losses INTEGER NOT NULL,
	max_attempts INTEGER NOT NULL,
	lacked_by TEXT NOT NULL,
	owner TEXT,
	cancelling INTEGER NOT NULL,
	progress_percent FLOAT,
	progress_text TEXT NOT NULL,
	error BLOB,
	metadata BLOB NOT NULL,
	idempotency_key TEXT,
	revision BIGINT NOT NULL,
	work BLOB,
	PRIMARY KEY (task_id)
)

CREATE INDEX tasks_ready ON tasks (lane, rank, turn, number) WHERE state = 1 AND delayed = 0

CREATE INDEX tasks_of_callers ON tasks (lane, rank, caller, turn) WHERE state = 1

CREATE INDEX tasks_delayed ON tasks (ready_time) WHERE state = 1 AND delayed = 1

CREATE INDEX tasks_due ON tasks (deadline) WHERE state = 1 AND deadline IS NOT NULL

CREATE INDEX tasks_running ON tasks (owner, lane) WHERE state = 2

CREATE INDEX tasks_ended ON tasks (lane, end_time) WHERE state = 3

CREATE INDEX tasks_expiring ON tasks (expire_time) WHERE expire_time IS NOT NULL

CREATE INDEX tasks_by_number ON tasks (number, task_id)

CREATE UNIQUE INDEX tasks_by_key ON tasks (caller, idempotency_key) WHERE idempotency_key IS NOT NULL

CREATE TABLE task_works (
	task_id TEXT NOT NULL,
	work BLOB NOT NULL,
	PRIMARY KEY (task_id)
)

CREATE TABLE task_results (
	task_id TEXT NOT NULL,
	result BLOB NOT NULL,
	PRIMARY KEY (task_id)
)

CREATE TABLE task_webhooks (
	task_id TEXT NOT NULL,
	url TEXT NOT NULL,
	secret TEXT NOT NULL,
	state INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	next_time BIGINT,
	last_error TEXT NOT NULL,
	owner TEXT,
	PRIMARY KEY (task_id)
)

CREATE INDEX task_webhooks_due ON task_webhooks (next_time) WHERE state = 2

CREATE TABLE task_servers (
	server_id TEXT NOT NULL,
	home_id TEXT NOT NULL,
	beats BIGINT NOT NULL,
	kinds TEXT NOT NULL,
	PRIMARY KEY (server_id)
)

CREATE TABLE files (
	file_id TEXT NOT NULL,
	home_id TEXT NOT NULL,
	name TEXT NOT NULL,
	purpose TEXT NOT NULL,
	media_type TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 TEXT NOT NULL,
	create_time BIGINT NOT NULL,
	expire_time BIGINT,
	task_id TEXT NOT NULL,
	PRIMARY KEY (file_id)
)

CREATE INDEX files_by_time ON files (create_time, file_id)

CREATE INDEX files_by_purpose ON files (purpose, create_time, file_id)

CREATE INDEX files_by_home ON files (home_id, expire_time)

CREATE INDEX files_of_tasks ON files (task_id) WHERE task_id <> ''

CREATE TABLE batches (
	batch_id TEXT NOT NULL,
	home_id TEXT NOT NULL,
	task_id TEXT NOT NULL,
	create_time BIGINT NOT NULL,
	state INTEGER NOT NULL,
	request BLOB NOT NULL,
	batch BLOB NOT NULL,
	PRIMARY KEY (batch_id)
)

CREATE INDEX batches_by_time ON batches (create_time, batch_id)

CREATE UNIQUE INDEX batches_by_task ON batches (task_id)

CREATE INDEX batches_unended ON batches (home_id) WHERE state NOT IN (4, 5, 6, 8)

CREATE TABLE task_parts (
	task_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	outcome BLOB NOT NULL,
	PRIMARY KEY (task_id, number)
)

CREATE TABLE users (
	user_id TEXT NOT NULL,
	number BIGINT NOT NULL,
	username TEXT NOT NULL,
	folded TEXT NOT NULL,
	email TEXT NOT NULL,
	role INTEGER NOT NULL,
	is_active INTEGER NOT NULL,
	password_hash TEXT NOT NULL,
	create_time BIGINT NOT NULL,
	login_time BIGINT,
	PRIMARY KEY (user_id),
	UNIQUE (number),
	UNIQUE (folded)
)

CREATE TABLE logins (
	login_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	create_time BIGINT NOT NULL,
	expire_time BIGINT NOT NULL,
	PRIMARY KEY (login_id)
)

CREATE INDEX logins_of_users ON logins (user_id)

CREATE INDEX logins_by_end ON logins (expire_time)

CREATE TABLE refresh_tokens (
	hash TEXT NOT NULL,
	login_id TEXT NOT NULL,
	use_time BIGINT,
	PRIMARY KEY (hash)
)

CREATE INDEX refresh_tokens_of_logins ON refresh_tokens (login_id)

CREATE TABLE access_keys (
	key_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	name TEXT NOT NULL,
	hash TEXT NOT NULL,
	scopes TEXT NOT NULL,
	limits BLOB NOT NULL,
	create_time BIGINT NOT NULL,
	expire_time BIGINT,
	use_time BIGINT,
	revoke_time BIGINT,
	PRIMARY KEY (key_id)
)

CREATE INDEX access_keys_of_users ON access_keys (user_id)

CREATE INDEX access_keys_by_time ON access_keys (create_time, key_id)

CREATE TABLE signing_keys (
	kid TEXT NOT NULL,
	secret BLOB NOT NULL,
	create_time BIGINT NOT NULL,
	retire_time BIGINT,
	PRIMARY KEY (kid)
)

CREATE TABLE audit_events (
	event_id INTEGER NOT NULL,
	time BIGINT NOT NULL,
	user_id TEXT NOT NULL,
	key_id TEXT NOT NULL,
	rpc TEXT NOT NULL,
	code TEXT NOT NULL,
	reason TEXT NOT NULL,
	subject TEXT NOT NULL,
	address TEXT NOT NULL,
	request_id TEXT NOT NULL,
	PRIMARY KEY (event_id)
)

CREATE INDEX audit_events_of_users ON audit_events (user_id, event_id)

CREATE INDEX audit_events_by_time ON audit_events (time)

CREATE TABLE projects (
	project_id TEXT NOT NULL,
	number BIGINT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	owner_id TEXT NOT NULL,
	status INTEGER NOT NULL,
	create_time BIGINT NOT NULL,
	update_time BIGINT NOT NULL,
	PRIMARY KEY (project_id),
	UNIQUE (number)
)

CREATE TABLE project_members (
	project_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	role INTEGER NOT NULL,
	place BIGINT NOT NULL,
	PRIMARY KEY (project_id, user_id)
)

CREATE INDEX projects_of_members ON project_members (user_id, project_id)

CREATE TABLE uploads (
	upload_id TEXT NOT NULL,
	home_id TEXT NOT NULL,
	owner_id TEXT NOT NULL,
	name TEXT NOT NULL,
	purpose TEXT NOT NULL,
	media_type TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	retention_seconds BIGINT NOT NULL,
	bytes_there BIGINT NOT NULL,
	create_time BIGINT NOT NULL,
	news_time BIGINT NOT NULL,
	file_id TEXT NOT NULL,
	PRIMARY KEY (upload_id)
)

CREATE INDEX uploads_by_home ON uploads (home_id, news_time)

CREATE TABLE belongings (
	thing INTEGER NOT NULL,
	thing_id TEXT NOT NULL,
	user_id TEXT NOT NULL,
	PRIMARY KEY (thing, thing_id)
)

CREATE INDEX belongings_of_users ON belongings (user_id, thing, thing_id)

CREATE TABLE datasets (
	dataset_id TEXT NOT NULL,
	number BIGINT NOT NULL,
	home_id TEXT NOT NULL,
	owner_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	status INTEGER NOT NULL,
	error BLOB NOT NULL,
	source BLOB NOT NULL,
	create_time BIGINT NOT NULL,
	update_time BIGINT NOT NULL,
	revision BIGINT NOT NULL,
	PRIMARY KEY (dataset_id),
	UNIQUE (number)
)

CREATE INDEX datasets_of_owners ON datasets (owner_id, number)

CREATE INDEX datasets_of_projects ON datasets (project_id, number)

CREATE INDEX datasets_by_status ON datasets (home_id, status, number)

CREATE TABLE dataset_versions (
	dataset_id TEXT NOT NULL,
	version INTEGER NOT NULL,
	home_id TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	about BLOB NOT NULL,
	PRIMARY KEY (dataset_id, version)
)

CREATE INDEX dataset_versions_by_home ON dataset_versions (home_id)

CREATE TABLE dataset_tokens (
	dataset_id TEXT NOT NULL,
	version INTEGER NOT NULL,
	model_sha256 TEXT NOT NULL,
	counts BLOB NOT NULL,
	PRIMARY KEY (dataset_id, version, model_sha256)
)

CREATE TABLE training_runs (
	run_id TEXT NOT NULL,
	number BIGINT NOT NULL,
	home_id TEXT NOT NULL,
	owner_id TEXT NOT NULL,
	project_id TEXT NOT NULL,
	model_id TEXT NOT NULL,
	task_id TEXT NOT NULL,
	state INTEGER NOT NULL,
	rows_sha256 TEXT NOT NULL,
	row_count BIGINT NOT NULL,
	run BLOB NOT NULL,
	PRIMARY KEY (run_id),
	UNIQUE (number)
)

CREATE INDEX training_runs_of_owners ON training_runs (owner_id, number)

CREATE INDEX training_runs_of_projects ON training_runs (project_id, number)

CREATE INDEX training_runs_of_models ON training_runs (model_id, number)

CREATE INDEX training_runs_by_state ON training_runs (home_id, state)

CREATE TABLE training_steps (
	run_id TEXT NOT NULL,
	step BIGINT NOT NULL,
	figures BLOB NOT NULL,
	PRIMARY KEY (run_id, step)
)

INSERT INTO alembic_version VALUES ('0019')
