"""What is known of the hubs' models, favorites, and an index of words."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the local catalog's tables."""
    # Of SQLite, only an INTEGER is the number of its row, which the index of words refers to.
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "hub_models",
        sa.Column("id", key, primary_key=True),
        # funland.v1.Origin.Hub, by its number.
        sa.Column("hub", sa.Integer, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        # In lower case, to be searched.
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("model_type", sa.Text, nullable=False),
        # A bit for each funland.v1.Model.Format: 1 << number.
        sa.Column("formats", sa.Integer, nullable=False),
        # Those of its variants as far as they are known, in upper case: |Q4_K_M|Q8_0|
        sa.Column("quantizations", sa.Text, nullable=False, server_default=sa.text("''")),
        # -1 where the hub does not tell, so that these come last.
        sa.Column("downloads", sa.BigInteger, nullable=False),
        sa.Column("likes", sa.BigInteger, nullable=False),
        # Microseconds since 1970, as all times.
        sa.Column("update_time", sa.BigInteger, nullable=False),
        # When the hub said this.
        sa.Column("known_time", sa.BigInteger, nullable=False),
        # funland.v1.HubModel, without files.
        sa.Column("model", sa.LargeBinary, nullable=False),
    )
    op.create_index("hub_models_by_id", "hub_models", ["hub", "model_id"], unique=True)
    # With all that is searched by beside words.
    searched = ["id", "hub", "formats", "model_type", "owner"]
    op.create_index("hub_models_by_downloads", "hub_models", ["downloads", *searched])
    op.create_index("hub_models_by_likes", "hub_models", ["likes", "id"])
    op.create_index("hub_models_by_time", "hub_models", ["update_time", "id"])
    # Apart, since they are long.
    op.create_table(
        "hub_listings",
        sa.Column("id", key, sa.ForeignKey("hub_models.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("listed_time", sa.BigInteger, nullable=False),
        # What the hub says of the whole model.
        sa.Column("quantization", sa.Text, nullable=False),
        # funland.v1.HubModel with nothing but files, which have no URLs.
        sa.Column("files", sa.LargeBinary, nullable=False),
    )
    # No foreign key: a favorite may be a model that no hub could tell of yet.
    op.create_table(
        "hub_favorites",
        sa.Column("hub", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("model_id", sa.Text, primary_key=True),
        sa.Column("create_time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "hub_syncs",
        sa.Column("hub", sa.Integer, primary_key=True, autoincrement=False),
        # The end of the last whole sync.
        sa.Column("sync_time", sa.BigInteger),
        # Of one that is under way, or broke off: its begin, how far it came, and how many it has.
        sa.Column("begin_time", sa.BigInteger),
        sa.Column("cursor", sa.Text, nullable=False, server_default=sa.text("''")),
        sa.Column("models", sa.Integer, nullable=False, server_default=sa.text("0")),
    )
    if op.get_bind().dialect.name == "sqlite":
        # The words are parted by us: the tokenizer parts at the spaces between them.
        op.execute("CREATE VIRTUAL TABLE hub_words USING fts5(name, text, tokenize = 'ascii')")
    else:
        op.execute(
            "CREATE TABLE hub_words (id BIGINT PRIMARY KEY REFERENCES hub_models (id)"
            " ON DELETE CASCADE, words TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX hub_words_by_word ON hub_words USING gin (words)")
