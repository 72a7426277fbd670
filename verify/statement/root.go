package statement

import (
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/airgap-ferry/ferry/bundle"
)

const (
	rootMagic = "ferry-root-v1"

	// MaxRootSize bounds what is read as a root before it is trusted.
	MaxRootSize = 64 << 10 // bytes

	// maxKeys bounds the keys of one root, and with that the work that a
	// root can make.
	maxKeys = 64

	maxInteger = 1<<53 - 1 // what every JSON reader takes without loss
)

var rootForm = bundle.SignedForm{Part: "root", Magic: rootMagic, MaxSize: MaxRootSize}

// A Root says whom a site trusts. See the package comment.
//
// A key that no role names is revoked: it is listed so that a refusal can say
// whose it was.
type Root struct {
	Version int64     // counts up by one with each root, from 1
	Epoch   int64     // highest epoch that statements may have, from 1
	Issued  time.Time // whole seconds, UTC
	Expires time.Time // whole seconds, UTC, after Issued
	Keys    []Key     // sorted by ID
	Root    Role      // may sign the next root
	Packer  Role      // sign statements
	Officer Role      // countersign statements; never a packer
	Policy  Policy
}

// A Role names the keys that can act in it, and how many of them must.
type Role struct {
	Keys      []string // key ids, sorted
	Threshold int      // distinct keys
}

// The JSON form. Field order and spelling are the format.
type (
	rootJSON struct {
		Version int64      `json:"version"`
		Epoch   int64      `json:"epoch"`
		Issued  string     `json:"issued"`
		Expires string     `json:"expires"`
		Keys    []keyJSON  `json:"keys"`
		Roles   rolesJSON  `json:"roles"`
		Policy  policyJSON `json:"policy"`
	}
	keyJSON struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		SPKI string `json:"spki"`
	}
	rolesJSON struct {
		Root    roleJSON `json:"root"`
		Packer  roleJSON `json:"packer"`
		Officer roleJSON `json:"officer"`
	}
	roleJSON struct {
		Keys      []string `json:"keys"`
		Threshold int      `json:"threshold"`
	}
	policyJSON struct {
		MaxSeqStep int64    `json:"max_seq_step"`
		MaxAge     string   `json:"max_age"`
		ClockSkew  string   `json:"clock_skew"`
		Sites      []string `json:"sites"`
	}
)

// ParseRoot parses the bytes of a root. It accepts the canonical spelling
// only: encoding the result again gives the same bytes.
//
// Another version of the format gives a [*bundle.VersionError], a key that is
// not ECDSA P-256 an [*UntrustedError] named [KeyType], anything else that is
// not a root a [*bundle.FormatError]. It checks form, not origin.
func ParseRoot(b []byte) (*Root, error) {
	var j rootJSON
	if err := rootForm.Decode(b, &j); err != nil {
		return nil, err
	}
	r, err := j.root()
	if err != nil {
		return nil, err
	}
	again, err := r.AppendText(nil)
	if err != nil {
		return nil, err
	}
	if err := rootForm.Compare(b, again); err != nil {
		return nil, err
	}
	return r, nil
}

// AppendText appends r in canonical form: the bytes that are signed, stored
// and named by the fingerprint. It fails if r has a value that ParseRoot would
// not accept.
func (r *Root) AppendText(b []byte) ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	j := rootJSON{
		Version: r.Version, Epoch: r.Epoch,
		Issued: bundle.FormatTime(r.Issued), Expires: bundle.FormatTime(r.Expires),
		Keys: make([]keyJSON, 0, len(r.Keys)),
		Roles: rolesJSON{
			Root: r.Root.json(), Packer: r.Packer.json(), Officer: r.Officer.json(),
		},
		Policy: policyJSON{
			MaxSeqStep: r.Policy.MaxSeqStep,
			MaxAge:     formatDuration(r.Policy.MaxAge), ClockSkew: formatDuration(r.Policy.ClockSkew),
			Sites: append([]string{}, r.Policy.Sites...), // never null
		},
	}
	for _, k := range r.Keys {
		j.Keys = append(j.Keys, keyJSON{k.ID, k.Name, base64.StdEncoding.EncodeToString(k.SPKI)})
	}
	return rootForm.Append(b, j)
}

func (r Role) json() roleJSON {
	return roleJSON{Keys: append([]string{}, r.Keys...), Threshold: r.Threshold}
}

// root converts j; values are checked by Root.check.
func (j *rootJSON) root() (*Root, error) {
	r := &Root{
		Version: j.Version, Epoch: j.Epoch,
		Root: Role(j.Roles.Root), Packer: Role(j.Roles.Packer), Officer: Role(j.Roles.Officer),
		Policy: Policy{MaxSeqStep: j.Policy.MaxSeqStep, Sites: j.Policy.Sites},
	}
	var err error
	if r.Issued, err = bundle.ParseTime(j.Issued); err != nil {
		return nil, rootError("issued: %v", err)
	}
	if r.Expires, err = bundle.ParseTime(j.Expires); err != nil {
		return nil, rootError("expires: %v", err)
	}
	if r.Policy.MaxAge, err = parseDuration(j.Policy.MaxAge); err != nil {
		return nil, rootError("max_age: %v", err)
	}
	if r.Policy.ClockSkew, err = parseDuration(j.Policy.ClockSkew); err != nil {
		return nil, rootError("clock_skew: %v", err)
	}
	for _, k := range j.Keys {
		spki, err := base64.StdEncoding.Strict().DecodeString(k.SPKI)
		if err != nil {
			return nil, rootError("key %.40q: spki is not strict base64", k.ID)
		}
		r.Keys = append(r.Keys, Key{ID: k.ID, Name: k.Name, SPKI: spki})
	}
	return r, nil
}

// check returns the first thing in r that format v1 does not allow.
func (r *Root) check() error {
	if r.Version < 1 || r.Version > maxInteger {
		return rootError("version is %d, want 1 to %d", r.Version, maxInteger)
	}
	if r.Epoch < 1 || r.Epoch > maxInteger {
		return rootError("epoch is %d, want 1 to %d", r.Epoch, maxInteger)
	}
	for _, t := range []time.Time{r.Issued, r.Expires} {
		if again, err := bundle.ParseTime(bundle.FormatTime(t)); err != nil || !again.Equal(t) {
			return rootError("time %v: want whole seconds from 2000 to 2999", t)
		}
	}
	if !r.Expires.After(r.Issued) {
		return rootError("expires %s is not after issued %s", bundle.FormatTime(r.Expires), bundle.FormatTime(r.Issued))
	}
	if err := r.checkKeys(); err != nil {
		return err
	}
	if err := r.checkRoles(); err != nil {
		return err
	}
	return r.Policy.check()
}

func (r *Root) checkKeys() error {
	if len(r.Keys) > maxKeys {
		return rootError("%d keys, at most %d are allowed", len(r.Keys), maxKeys)
	}
	names := make(map[string]bool)
	for i, k := range r.Keys {
		if !bundle.ValidToolName(k.Name) {
			return rootError("key %.40q: name %.80q: want 1 to 64 printable ASCII characters", k.ID, k.Name)
		}
		if names[k.Name] {
			return rootError("two keys are named %q", k.Name)
		}
		names[k.Name] = true
		if want := keyID(k.SPKI); k.ID != want {
			return rootError("key %.80q: id is %.40q, want %q", k.Name, k.ID, want)
		}
		if i > 0 && k.ID <= r.Keys[i-1].ID {
			return rootError("keys are not sorted by id: %s after %s", k.ID, r.Keys[i-1].ID)
		}
		if _, err := k.public(); err != nil {
			return fmt.Errorf("reading root: %w", err)
		}
	}
	return nil
}

func (r *Root) checkRoles() error {
	for _, f := range []struct {
		name string
		role Role
		min  int
	}{{"root", r.Root, 1}, {"packer", r.Packer, 1}, {"officer", r.Officer, 0}} {
		if f.role.Threshold < f.min || f.role.Threshold > len(f.role.Keys) {
			return rootError("role %s: threshold is %d with %d keys, want %d to %d",
				f.name, f.role.Threshold, len(f.role.Keys), f.min, len(f.role.Keys))
		}
		for i, id := range f.role.Keys {
			if _, ok := r.key(id); !ok {
				return rootError("role %s: key %.40q is not in keys", f.name, id)
			}
			if i > 0 && id <= f.role.Keys[i-1] {
				return rootError("role %s: keys are not sorted: %s after %s", f.name, id, f.role.Keys[i-1])
			}
		}
	}
	for _, id := range r.Officer.Keys {
		if slices.Contains(r.Packer.Keys, id) {
			return rootError("key %s is packer and officer: a packer must not countersign itself", id)
		}
	}
	return nil
}

// key returns the key with that id.
func (r *Root) key(id string) (Key, bool) {
	i := slices.IndexFunc(r.Keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, false
	}
	return r.Keys[i], true
}

func rootError(format string, args ...any) error {
	return &bundle.FormatError{Part: "root", Msg: fmt.Sprintf(format, args...)}
}
