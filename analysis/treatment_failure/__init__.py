"""True treatment failure: find it without looking ahead, ask whether it matters, and report both as they come out."""
