package report

// A Failure is what --json prints on standard error when a command fails.
type Failure struct {
	Code     int       `json:"code"` // the exit code
	Message  string    `json:"message"`
	Hint     string    `json:"hint,omitempty"`     // what to do next
	Name     string    `json:"name,omitempty"`     // of a refusal, as in docs/exit-codes.md
	Need     []int64   `json:"need,omitempty"`     // after a gap: the shipments to bring first
	Problems []string  `json:"problems,omitempty"` // each of several, if there are several
	Skipped  []Skipped `json:"skipped,omitempty"`  // files that were left aside
}

// Skipped is a file that was named or found and is not used.
type Skipped struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}
