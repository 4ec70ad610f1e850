"""What all doors that hold a live sender share: judging, recording, keeping; nothing of HTTP."""
