"""Work on many materials: campaigns that wait, are submitted within limits, and are counted. No second database."""
