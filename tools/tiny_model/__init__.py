"""Makes Funland Tiny, the chat model that ships inside Funland, from text of our own."""
