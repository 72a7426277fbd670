package statement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

// AnySite stands for every site when it is the only entry of Policy.Sites.
const AnySite = "*"

const (
	day = 24 * time.Hour

	// What a policy can ask for. Beyond these it would not protect any more.
	maxSeqStep   = 10_000
	maxMaxAge    = 36_500 * day
	maxClockSkew = 30 * day
)

// A Policy is what the keepers of the root ask of statements besides
// signatures. The zero Policy refuses every statement.
type Policy struct {
	MaxSeqStep int64         // how far beyond the last accepted shipment one may be and still be waited for; from 1
	MaxAge     time.Duration // after issued a statement is refused, whatever its expiry; whole hours
	ClockSkew  time.Duration // how far in the future issued may lie; whole hours
	Sites      []string      // names of the sites that this root is for, sorted; or AnySite alone
}

func (p *Policy) check() error {
	if p.MaxSeqStep < 1 || p.MaxSeqStep > maxSeqStep {
		return rootError("max_seq_step is %d, want 1 to %d", p.MaxSeqStep, maxSeqStep)
	}
	if p.MaxAge < time.Hour || p.MaxAge > maxMaxAge || p.MaxAge%time.Hour != 0 {
		return rootError("max_age is %v, want whole hours from 1 h to %d days", p.MaxAge, maxMaxAge/day)
	}
	if p.ClockSkew < 0 || p.ClockSkew > maxClockSkew || p.ClockSkew%time.Hour != 0 {
		return rootError("clock_skew is %v, want whole hours from 0 to %d days", p.ClockSkew, maxClockSkew/day)
	}
	if slices.Equal(p.Sites, []string{AnySite}) {
		return nil
	}
	for i, s := range p.Sites {
		if !bundle.ValidSiteName(s) {
			return rootError("policy: site %.80q: want 1 to 63 of a-z, 0-9 and '-', or %q alone", s, AnySite)
		}
		if i > 0 && s <= p.Sites[i-1] {
			return rootError("policy: sites are not sorted: %q after %q", s, p.Sites[i-1])
		}
	}
	return nil
}

// covers reports whether p is for the named site.
func (p *Policy) covers(site string) bool {
	return slices.Contains(p.Sites, site) || slices.Equal(p.Sites, []string{AnySite})
}

// formatDuration spells d as a root does: whole days as P<n>D, other whole
// hours as PT<n>H.
func formatDuration(d time.Duration) string {
	if d%day == 0 {
		return fmt.Sprintf("P%dD", d/day)
	}
	return fmt.Sprintf("PT%dH", d/time.Hour)
}

// parseDuration parses the spelling of formatDuration, and no other.
func parseDuration(s string) (time.Duration, error) {
	unit, num := day, strings.TrimSuffix(strings.TrimPrefix(s, "P"), "D")
	if strings.HasPrefix(s, "PT") {
		unit, num = time.Hour, strings.TrimSuffix(strings.TrimPrefix(s, "PT"), "H")
	}
	n, err := strconv.ParseUint(num, 10, 20) // 2^20 days are 2,870 years
	d := time.Duration(n) * unit
	if err != nil || n >= 100_000 || formatDuration(d) != s {
		return 0, fmt.Errorf("duration %.40q: want whole days such as %q, or hours that are not whole days such as %q", s, "P30D", "PT36H")
	}
	return d, nil
}
