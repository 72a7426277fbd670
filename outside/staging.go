package outside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/airgap-ferry/ferry/bundle"
	"github.com/airgap-ferry/ferry/internal/durable"
)

const (
	partialSuffix = ".partial"

	// frame is the blocks around the content of a part: its header before it,
	// padding and the end after it.
	block = 512 // bytes
	end   = 2 * block
)

// A staging is the files in which a bundle comes into being. Payload may be
// written to them by several goroutines, each at its own place.
type staging struct {
	fsys    durable.FS
	plan    *bundle.Plan
	writer  *bundle.Writer
	volumes []*volumeFile // by number, from volume 1
}

// A volumeFile is one volume that is being written.
type volumeFile struct {
	name  string // when it is whole
	size  int64  // bytes
	f     durable.File
	fresh bool // there was nothing of it yet
	whole bool // it has its name, and all of it was read and is right
}

func (v *volumeFile) partial() string { return v.name + partialSuffix }

// volumePaths returns the names of the n volumes of a shipment in dir.
func volumePaths(dir, site string, epoch, seq, n int64) []string {
	paths := make([]string, 0, n)
	for i := range int(n) {
		paths = append(paths, filepath.Join(dir, bundle.VolumeName(site, epoch, seq, i+1)))
	}
	return paths
}

// newStaging prepares to write the volumes with these names. Nothing is
// written yet.
func newStaging(fsys durable.FS, plan *bundle.Plan, w *bundle.Writer, paths []string) *staging {
	s := &staging{fsys: fsys, plan: plan, writer: w}
	for i, path := range paths {
		s.volumes = append(s.volumes, &volumeFile{name: path, size: w.VolumeSize(i + 1)})
	}
	return s
}

// findWhole notes which volumes have their name already and are what r says,
// every byte of them read.
func (s *staging) findWhole(ctx context.Context, r *record) error {
	for i, v := range s.volumes {
		err := checkVolume(ctx, s.fsys, v.name, r, s.plan.Layout, i+1)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.whole = err == nil
	}
	return nil
}

// open opens the files of the volumes that are not whole, and takes the name
// from a volume that has it and is not whole. What earlier runs left of other
// layouts under the same seq is removed.
func (s *staging) open() error {
	if err := s.removeStrays(); err != nil {
		return err
	}
	for _, v := range s.volumes {
		if err := s.openVolume(v); err != nil {
			return fmt.Errorf("writing volume: %w", err)
		}
	}
	return s.fsys.SyncDir(filepath.Dir(s.volumes[0].name))
}

func (s *staging) openVolume(v *volumeFile) error {
	if v.whole {
		f, err := s.fsys.OpenFile(v.name, os.O_RDONLY, 0)
		v.f = f
		return err
	}
	if _, err := s.fsys.Stat(v.name); err == nil {
		if err := s.fsys.Rename(v.name, v.partial()); err != nil {
			return err
		}
	}
	_, err := s.fsys.Stat(v.partial())
	v.fresh = errors.Is(err, fs.ErrNotExist)
	if v.f, err = s.fsys.OpenFile(v.partial(), os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return err
	}
	return v.f.Truncate(v.size)
}

// removeStrays removes partial volumes with numbers beyond those of the plan.
func (s *staging) removeStrays() error {
	dir := filepath.Dir(s.volumes[0].name)
	prefix, _, _ := strings.Cut(filepath.Base(s.volumes[0].name), ".v001.tar")
	entries, err := s.fsys.ReadDir(dir)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool)
	for _, v := range s.volumes {
		wanted[filepath.Base(v.partial())] = true
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, prefix+".v") && strings.HasSuffix(name, ".tar"+partialSuffix) && !wanted[name] {
			if err := s.fsys.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// fresh reports whether no volume that entry i stands in was there before.
func (s *staging) fresh(i int) bool {
	for _, part := range s.plan.Parts(i) {
		if !s.volumes[part.Volume-1].fresh {
			return false
		}
	}
	return true
}

// whole reports whether entry i stands in whole volumes only.
func (s *staging) whole(i int) bool {
	for _, part := range s.plan.Parts(i) {
		if !s.volumes[part.Volume-1].whole {
			return false
		}
	}
	return true
}

// begun reports whether the header of each part of entry i is there, without
// which its content can't be.
func (s *staging) begun(i int) bool {
	var got [block]byte
	for _, part := range s.plan.Parts(i) {
		n, err := s.volumes[part.Volume-1].f.ReadAt(got[:], s.writer.Place(part)-block)
		if n < block && err != nil || !bytes.Equal(got[:], s.writer.Header(part)) {
			return false
		}
	}
	return true
}

// reader returns what stands in the files as the content of entry i.
func (s *staging) reader(i int) io.Reader {
	var parts []io.Reader
	for _, part := range s.plan.Parts(i) {
		parts = append(parts, io.NewSectionReader(s.volumes[part.Volume-1].f, s.writer.Place(part), part.Size))
	}
	return io.MultiReader(parts...)
}

// put writes a piece of a part, at bytes into it. The piece stands in buf from
// block on, and has n bytes; around it there is room for a block. With the
// first piece the header is written, with the last the padding.
func (s *staging) put(part bundle.Part, at int64, buf []byte, n int) error {
	v := s.volumes[part.Volume-1]
	if v.whole {
		return nil
	}
	from, to, offset := block, block+n, s.writer.Place(part)+at
	if at == 0 {
		copy(buf, s.writer.Header(part))
		from, offset = 0, offset-block
	}
	if at+int64(n) == part.Size {
		padded := (to + block - 1) / block * block
		clear(buf[to:padded])
		to = padded
	}
	if _, err := v.f.WriteAt(buf[from:to], offset); err != nil {
		return fmt.Errorf("writing volume: %w", err)
	}
	return nil
}

// putFrame writes padding of entry i anew, whose header and content are there.
func (s *staging) putFrame(i int) error {
	var zeros [block]byte
	for _, part := range s.plan.Parts(i) {
		v, pad := s.volumes[part.Volume-1], -part.Size&(block-1)
		if v.whole || v.fresh || pad == 0 {
			continue
		}
		if _, err := v.f.WriteAt(zeros[:pad], s.writer.Place(part)+part.Size); err != nil {
			return fmt.Errorf("writing volume: %w", err)
		}
	}
	return nil
}

// seal writes what stands before and behind the payload and makes all of the
// volumes durable, under their partial names.
func (s *staging) seal(r *record) error {
	var zeros [end]byte
	for i, v := range s.volumes {
		if v.whole {
			continue
		}
		head, err := s.writer.AppendHead(nil, i+1, r.statement, r.sigs, r.index)
		if err != nil {
			return err
		}
		if _, err := v.f.WriteAt(head, 0); err != nil {
			return fmt.Errorf("writing volume: %w", err)
		}
		if _, err := v.f.WriteAt(zeros[:], v.size-end); err != nil {
			return fmt.Errorf("writing volume: %w", err)
		}
		if err := v.f.Sync(); err != nil {
			return fmt.Errorf("writing volume: %w", err)
		}
	}
	return s.close()
}

// close closes all files. What was not synced is found out by the next run.
func (s *staging) close() error {
	var errs []error
	for _, v := range s.volumes {
		if v.f != nil {
			errs = append(errs, v.f.Close())
			v.f = nil
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("writing volume: %w", err)
	}
	return nil
}

// publish gives the volumes their names, durably: the first one last.
func (s *staging) publish() error {
	paths := make([]string, 0, len(s.volumes))
	for _, v := range s.volumes {
		paths = append(paths, v.name)
	}
	return publish(s.fsys, paths)
}

// publish gives each of the volumes that only has its partial name its own.
// Without the first there is no bundle, so it comes when the others are
// durable.
func publish(fsys durable.FS, paths []string) error {
	dir := filepath.Dir(paths[0])
	for i := len(paths) - 1; i >= 0; i-- {
		if i == 0 && len(paths) > 1 {
			if err := fsys.SyncDir(dir); err != nil {
				return fmt.Errorf("naming volumes: %w", err)
			}
		}
		err := fsys.Rename(paths[i]+partialSuffix, paths[i])
		if errors.Is(err, fs.ErrNotExist) {
			_, err = fsys.Stat(paths[i])
		}
		if err != nil {
			return fmt.Errorf("naming volumes: %w", err)
		}
	}
	if err := fsys.SyncDir(dir); err != nil {
		return fmt.Errorf("naming volumes: %w", err)
	}
	return nil
}

// checkVolume reads all of a file, which must be volume n of the bundle that r
// is the record of.
func checkVolume(ctx context.Context, fsys durable.FS, name string, r *record, want bundle.Layout, n int) error {
	s, plan, err := r.layout()
	if err != nil {
		return err
	}
	if s.Layout != want {
		return fmt.Errorf("the layout is %v, want %v", s.Layout, want)
	}
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	v := bundle.NewVolumeReader(f)
	if err := v.ReadHead(); err != nil {
		return err
	}
	if !bytes.Equal(v.StatementText, r.statement) || !sameSignatures(v.Signatures, r.sigs) {
		return errors.New("it is of another bundle")
	}
	if v.HasIndex() {
		if _, err := v.ReadIndex(); err != nil {
			return err
		}
	}
	got, err := v.Identify(plan)
	if err != nil {
		return err
	}
	if got != n {
		return fmt.Errorf("it is volume %d", got)
	}
	return v.ReadPayload(plan, n, make([]byte, plan.Layout.ChunkSize), func(bundle.Chunk) error { return ctx.Err() })
}

func sameSignatures(a, b []bundle.Signature) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].KeyID != b[i].KeyID || !bytes.Equal(a[i].DER, b[i].DER) {
			return false
		}
	}
	return true
}
