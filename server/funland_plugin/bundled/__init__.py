"""The plugins that come with Funland, each in a folder with its manifest."""
