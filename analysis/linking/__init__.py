"""Links between rating scales, estimated from persons who were measured with both, and what they are worth."""
