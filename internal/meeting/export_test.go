package meeting

// TokenAttendee is the parser of join tokens, for its fuzz target.
func TokenAttendee(token string) string { return tokenAttendee(token) }

// Started is closed when Run has started the clocks.
func (s *Service) Started() <-chan struct{} { return s.started }
