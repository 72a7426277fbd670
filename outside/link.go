package outside

import (
	"time"

	"github.com/airgap-ferry/ferry/delta/entropy"
	"github.com/airgap-ferry/ferry/delta/recipe"
	"github.com/airgap-ferry/ferry/release"
)

// What patches are made for.
const (
	ForBytes = "bytes" // as few bytes as can be, whatever time that takes
	ForTime  = "time"  // ready inside as soon as can be, over the link
)

// Speeds of this program on one core of a usual machine, in bytes of plain text
// per second, as make bench finds them: with these the time that a patch takes
// is foretold.
const (
	speedPack    = 25e6  // find, compare, code and prove
	speedRebuild = 200e6 // apply, without compressing again
	plainShare   = 3     // plain text of a blob, in blobs
)

// A link is how fast bytes get to the site, and what counts.
type link struct {
	rate  int64 // bytes per second, 0 if it is not known
	goal  string
	cores int
}

// effort returns how much time coding may take.
func (l link) effort() entropy.Effort {
	switch l.goal {
	case ForBytes:
		return entropy.Most
	case ForTime:
		return entropy.Fast
	}
	return entropy.Normal
}

// hopeless says why a blob goes whole before anybody has looked at it, or "".
func (l link) hopeless(item release.Item) string {
	if l.goal != ForTime || l.rate == 0 {
		return ""
	}
	plain := float64(item.Size) * plainShare
	if float64(item.Size)/float64(l.rate) > plain/speedPack/float64(l.cores) {
		return ""
	}
	return whyFaster
}

const whyFaster = "faster whole on this link"

// better says why a blob of size bytes goes whole though its patch takes only
// patch bytes, or "".
func (l link) better(size, patch int64, rebuild time.Duration) string {
	if l.goal != ForTime || l.rate == 0 {
		return ""
	}
	saved := time.Duration(float64(size-patch) / float64(l.rate) * float64(time.Second))
	if saved > rebuild/time.Duration(l.cores) {
		return ""
	}
	return whyFaster
}

// rebuildTime returns how long one core will take to rebuild a blob.
func rebuildTime(r *recipe.Recipe) time.Duration {
	seconds := float64(r.PlainSize()) / speedRebuild
	for _, g := range r.Groups {
		var plain int64
		for _, n := range g.Plain {
			plain += n
		}
		seconds += float64(plain) / g.Speed()
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond)
}
