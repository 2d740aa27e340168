"""From a call's arguments to its key: binding, canonical encoding, and the preview that people read."""
