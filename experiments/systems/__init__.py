"""Systems of queues in tandem: files, presets and what `tinygram system` prints."""
